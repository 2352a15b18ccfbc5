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
)

select
    viewed_at,
    platform,
    product_id,
    actual_price,
    source_file,
    source_record,
    source_item,
    loaded_at,
    cast(date_trunc('month', viewed_at) as date) as viewed_month
from events
-- A time range reads only its own part of the table, and of a partition of it.
order by viewed_month, viewed_at
