-- Grain: one row per landed track fact record.

{%- set fields = {
    'genre_name': a_text('genre', 'a_name', required=true),
    'minutes': a_number('minutes', 18, 6, required=true),
    'price': a_number('price', 18, 4),
} %}

with

source as (
    select * from {{ source('music_store', 'track_facts') }}
),

validated as (
    {{ validated_fields('source', 'music_store.track_facts', fields) }}
)

select
    genre_name,
    minutes,
    price,
    source_file,
    source_record,
    loaded_at,
    rejection_reason,
    case
        when rejection_reason is not null then {{ record_text('music_store.track_facts') }}
    end as rejected_text
from validated
