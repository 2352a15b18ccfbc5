-- Grain: one row per landed album record.

with

source as (
    select * from {{ source('music_store', 'albums') }}
),

typed as (
    select
        {{ cast_integer('AlbumId') }} as album_id,
        nullif({{ trimmed('Title') }}, '') as album_title,
        {{ cast_integer('ArtistId') }} as artist_id,
        AlbumId,
        Title,
        ArtistId,
        _source_file as source_file,
        _source_record as source_record,
        _loaded_at as loaded_at
    from source
),

judged as (
    select
        *,
        {{ rejection_reason([
            ('AlbumId', 'album_id', 'an_integer', true),
            ('Title', 'album_title', 'a_title', true),
            ('ArtistId', 'artist_id', 'an_integer', true),
        ]) }} as rejection_reason
    from typed
)

select
    album_id,
    album_title,
    artist_id,
    source_file,
    source_record,
    loaded_at,
    rejection_reason,
    case
        when rejection_reason is not null
            then {{ json_record(['AlbumId', 'Title', 'ArtistId']) }}
    end as rejected_text
from judged
