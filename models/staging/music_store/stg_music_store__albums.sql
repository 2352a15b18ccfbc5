-- Grain: one row per landed album record.

{%- set fields = {
    'album_id': an_integer('AlbumId', required=true),
    'album_title': a_text('Title', 'a_title', required=true),
    'artist_id': an_integer('ArtistId', required=true),
} %}

with

source as (
    select * from {{ source('music_store', 'albums') }}
),

validated as (
    {{ validated_fields('source', 'music_store.albums', fields) }}
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
        when rejection_reason is not null then {{ record_text('music_store.albums') }}
    end as rejected_text
from validated
