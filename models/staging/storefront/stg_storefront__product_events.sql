-- Grain: one row per landed message of product events.

{#- A number is read as a double, which would round a time that has many digits. -#}
{%- set texts = text_numbers('events', 'timestamp_unixtime_ms') %}
{%- set fields = {
    'events': field('events'),
    'event_list': field(
        'events', 'a_list', json_structs(texts, product_event_fields()), required=true
    ),
} %}

with

source as (
    select * from {{ source('storefront', 'product_events') }}
),

validated as (
    {{ validated_fields('source', 'storefront.product_events', fields) }}
)

select
    _path_platform as platform,
    events,
    event_list,
    source_file,
    source_record,
    loaded_at,
    rejection_reason,
    case
        when rejection_reason is not null then {{ record_text('storefront.product_events') }}
    end as rejected_text
from validated
