-- Grain: one row per product view.

{{ config(
    materialized='incremental',
    incremental_strategy='append',
    meta={
        'built_from': 'storefront.product_events',
        'partition_column': 'viewed_month',
        'keeps_order': true,
    },
    pre_hook="{{ keep_order(true) }}",
    post_hook="{{ keep_order(false) }}",
) }}

with

events as (
    select * from {{ ref('int_storefront__product_event_records') }}
    where
        outcome = 'kept'
    {% if is_incremental() -%}
        and source_file in {{ pending_files() }}
    {%- endif %}
),

platforms as (
    select * from {{ ref('platforms') }}
)

select
    events.viewed_at,
    coalesce(platforms.platform, events.platform) as platform,
    events.product_id,
    events.actual_price,
    events.source_file,
    events.source_record,
    events.source_item,
    events.loaded_at,
    cast(date_trunc('month', events.viewed_at) as date) as viewed_month
from events
left join platforms on {{ lowered('events.platform') }} = platforms.device
-- A time range reads only its own part of the table, and of a partition of it.
order by viewed_month, events.viewed_at
