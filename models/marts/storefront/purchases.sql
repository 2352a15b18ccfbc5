-- Grain: one row per order item whose order is known.

{{ config(
    pre_hook="{{ keep_order(true) }}",
    post_hook="{{ keep_order(false) }}",
) }}

with

order_items as (
    select * from {{ ref('int_storefront__order_items') }}
    where outcome = 'kept'
)

select
    purchased_at,
    platform,
    product_id,
    order_id,
    order_item_id,
    order_status,
    quantity,
    source_file,
    source_record,
    loaded_at
from order_items
-- A time range reads only its own part of the table.
order by purchased_at
