-- Grain: one row per landed track record.

with

source as (
    select * from {{ source('music_store', 'tracks') }}
),

typed as (
    select
        {{ cast_integer('TrackId') }} as track_id,
        {{ cast_integer('AlbumId') }} as album_id,
        {{ cast_integer('MediaTypeId') }} as media_type_id,
        {{ cast_integer('GenreId') }} as genre_id,
        {{ cast_integer('Milliseconds', 'integer') }} as length_ms,
        {{ cast_integer('Bytes') }} as size_bytes,
        {{ cast_decimal('UnitPrice', 18, 4) }} as unit_price,
        TrackId,
        Name,
        AlbumId,
        MediaTypeId,
        GenreId,
        Composer,
        Milliseconds,
        Bytes,
        UnitPrice,
        _source_file as source_file,
        _source_record as source_record,
        _loaded_at as loaded_at
    from source
),

judged as (
    select
        *,
        {{ rejection_reason([
            ('TrackId', 'track_id', 'an_integer', true),
            ('AlbumId', 'album_id', 'an_integer', true),
            ('MediaTypeId', 'media_type_id', 'an_integer', false),
            ('GenreId', 'genre_id', 'an_integer', true),
            ('Milliseconds', 'case when length_ms >= 0 then length_ms end', 'a_length', true),
            ('Bytes', 'size_bytes', 'an_integer', false),
            ('UnitPrice', 'unit_price', 'a_number', false),
        ]) }} as rejection_reason
    from typed
)

select
    track_id,
    nullif({{ trimmed('Name') }}, '') as track_name,
    album_id,
    media_type_id,
    genre_id,
    nullif(nullif({{ trimmed('Composer') }}, ''), 'NA') as composer,
    length_ms as milliseconds,
    size_bytes,
    unit_price,
    source_file,
    source_record,
    loaded_at,
    rejection_reason,
    case
        when rejection_reason is not null
            then {{ json_record([
                'TrackId', 'Name', 'AlbumId', 'MediaTypeId', 'GenreId', 'Composer', 'Milliseconds',
                'Bytes', 'UnitPrice'
            ]) }}
    end as rejected_text
from judged
