-- Grain: one row per landed track record.

{%- set fields = {
    'track_id': an_integer('TrackId', required=true),
    'track_name': a_text('Name'),
    'album_id': an_integer('AlbumId', required=true),
    'media_type_id': an_integer('MediaTypeId'),
    'genre_id': an_integer('GenreId', required=true),
    'composer': a_text('Composer'),
    'milliseconds': an_integer(
        'Milliseconds', 'integer', kind='a_length', at_least=0, required=true
    ),
    'size_bytes': an_integer('Bytes'),
    'unit_price': a_number('UnitPrice', 18, 4),
} %}

with

source as (
    select * from {{ source('music_store', 'tracks') }}
),

validated as (
    {{ validated_fields('source', 'music_store.tracks', fields) }}
)

select
    track_id,
    track_name,
    album_id,
    media_type_id,
    genre_id,
    nullif(composer, 'NA') as composer,
    milliseconds,
    size_bytes,
    unit_price,
    source_file,
    source_record,
    loaded_at,
    rejection_reason,
    case
        when rejection_reason is not null then {{ record_text('music_store.tracks') }}
    end as rejected_text
from validated
