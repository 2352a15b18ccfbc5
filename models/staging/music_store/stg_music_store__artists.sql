-- Grain: one row per landed artist record.

{%- set fields = {
    'artist_id': an_integer('ArtistId', required=true),
    'artist_name': a_text('Name', 'a_name', required=true),
} %}

with

source as (
    select * from {{ source('music_store', 'artists') }}
),

validated as (
    {{ validated_fields('source', 'music_store.artists', fields) }}
)

select
    artist_id,
    artist_name,
    source_file,
    source_record,
    loaded_at,
    rejection_reason,
    case
        when rejection_reason is not null then {{ record_text('music_store.artists') }}
    end as rejected_text
from validated
