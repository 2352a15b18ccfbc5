-- Grain: one row per landed genre record.

{%- set fields = {
    'genre_id': an_integer('GenreId', required=true),
    'genre_name': a_text('Name', 'a_name', required=true),
} %}

with

source as (
    select * from {{ source('music_store', 'genres') }}
),

validated as (
    {{ validated_fields('source', 'music_store.genres', fields) }}
)

select
    genre_id,
    genre_name,
    source_file,
    source_record,
    loaded_at,
    rejection_reason,
    case
        when rejection_reason is not null then {{ record_text('music_store.genres') }}
    end as rejected_text
from validated
