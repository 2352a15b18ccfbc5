-- Grain: one row per landed media type record.

{%- set fields = {
    'media_type_id': an_integer('MediaTypeId', required=true),
    'media_type_name': a_text('Name'),
} %}

with

source as (
    select * from {{ source('music_store', 'media_types') }}
),

validated as (
    {{ validated_fields('source', 'music_store.media_types', fields) }}
)

select
    media_type_id,
    media_type_name,
    source_file,
    source_record,
    loaded_at,
    rejection_reason,
    case
        when rejection_reason is not null then {{ record_text('music_store.media_types') }}
    end as rejected_text
from validated
