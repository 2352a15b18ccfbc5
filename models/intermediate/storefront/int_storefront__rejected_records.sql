-- Grain: one row per event, order or order item that was rejected.

with

events as (
    select * from {{ ref('int_storefront__product_event_records') }}
    where rejection_reason is not null
),

orders as (
    select * from {{ ref('int_storefront__orders') }}
    where rejection_reason is not null
),

order_items as (
    select * from {{ ref('int_storefront__order_items') }}
    where rejection_reason is not null
)

select
    source_file,
    source_record,
    source_item,
    'storefront' as source_name,
    'product_events' as table_name,
    rejection_reason as reasons,
    rejected_text as raw_text
from events
union all
select
    source_file,
    source_record,
    cast(null as integer) as source_item,
    'storefront' as source_name,
    'orders' as table_name,
    rejection_reason as reasons,
    rejected_text as raw_text
from orders
union all
select
    source_file,
    source_record,
    cast(null as integer) as source_item,
    'storefront' as source_name,
    'order_items' as table_name,
    rejection_reason as reasons,
    rejected_text as raw_text
from order_items
