-- Grain: one row per landed artist record.

with

source as (
    select * from {{ source('music_store', 'artists') }}
),

typed as (
    select
        {{ cast_integer('ArtistId') }} as artist_id,
        nullif({{ trimmed('Name') }}, '') as artist_name,
        ArtistId,
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
            ('ArtistId', 'artist_id', 'an_integer', true),
            ('Name', 'artist_name', 'a_name', true),
        ]) }} as rejection_reason
    from typed
)

select
    artist_id,
    artist_name,
    source_file,
    source_record,
    loaded_at,
    rejection_reason,
    case
        when rejection_reason is not null
            then {{ json_record(['ArtistId', 'Name']) }}
    end as rejected_text
from judged
