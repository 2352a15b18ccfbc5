-- Grain: one row per landed playlist record.

with

source as (
    select * from {{ source('music_store', 'playlists') }}
),

typed as (
    select
        {{ cast_integer('PlaylistId') }} as playlist_id,
        PlaylistId,
        Name,
        _source_file as source_file,
        _source_record as source_record,
        _loaded_at as loaded_at
    from source
),

judged as (
    select
        *,
        {{ rejection_reason([
            ('PlaylistId', 'playlist_id', 'an_integer', true),
        ]) }} as rejection_reason
    from typed
)

select
    playlist_id,
    nullif({{ trimmed('Name') }}, '') as playlist_name,
    source_file,
    source_record,
    loaded_at,
    rejection_reason,
    case
        when rejection_reason is not null
            then {{ json_record(['PlaylistId', 'Name']) }}
    end as rejected_text
from judged
