-- Grain: one row per event of a message; a message whose list cannot be read is one row, too.

{{ config(
    materialized='incremental',
    incremental_strategy='append',
    meta={'built_from': 'storefront.product_events'},
) }}

with

messages as (
    select * from {{ ref('stg_storefront__product_events') }}
    {% if is_incremental() -%}
        where source_file in {{ pending_files() }}
    {%- endif %}
),

-- Read once: a message whose list cannot be read goes through as a row without an event.
events as (
    select
        platform,
        source_file,
        source_record,
        loaded_at,
        events,
        rejection_reason as message_rejection_reason,
        rejected_text as rejected_message,
        {{ explode('event_list', 'event', 'source_item') }}
    from messages
),

fields as (
    select
        platform,
        source_file,
        source_record,
        source_item,
        loaded_at,
        events,
        message_rejection_reason,
        rejected_message,
        event['event_type'] as event_type,
        event['data']['event_name'] as event_name,
        event['data']['timestamp_unixtime_ms'] as timestamp_unixtime_ms,
        nullif({{ trimmed("event['data']['custom_attributes']['codeColor']") }}, '') as product_id,
        event['data']['custom_attributes']['actualPrice'] as price
    from events
),

typed as (
    select
        *,
        coalesce(event_type = 'custom_event' and event_name = 'product', false) as is_product_view,
        {{ floor_integer('timestamp_unixtime_ms') }}
        + {{ number_var('storefront_utc_offset_hours', -24) }} * 3600000 as local_ms
    from fields
),

timed as (
    select
        *,
        {{ timestamp_of_ms('local_ms') }} as viewed_at
    from typed
),

checked as (
    select
        *,
        case when product_id is null then 'codeColor: missing' end as product_failure,
        case
            when timestamp_unixtime_ms is null then 'timestamp_unixtime_ms: missing'
            when viewed_at is null then 'timestamp_unixtime_ms: not_a_time'
        end as time_failure
    from timed
),

validated as (
    select
        *,
        case
            when message_rejection_reason is not null then message_rejection_reason
            when is_product_view then nullif(concat_ws('; ', product_failure, time_failure), '')
        end as rejection_reason,
        message_rejection_reason is null and not is_product_view as is_other_event
    from checked
)

select
    platform,
    case when is_product_view then viewed_at end as viewed_at,
    case when is_product_view then product_id end as product_id,
    case when is_product_view then {{ cast_decimal('price', 18, 4) }} end as actual_price,
    source_file,
    source_record,
    cast(source_item as integer) as source_item,
    loaded_at,
    case
        when is_other_event
            then
                coalesce(event_type, '(no type)') || ' ' || coalesce(event_name, '(no name)')
    end as other_kind,
    rejection_reason,
    case
        when message_rejection_reason is not null then rejected_message
        {% if var('keep_raw_text') %}
            when rejection_reason is not null then {{ json_element('events', 'source_item') }}
        {% endif %}
    end as rejected_text,
    case
        when rejection_reason is not null then 'rejected'
        when is_other_event then 'left_out'
        else 'kept'
    end as outcome
from validated
