-- Grain: one row per raw file and table of the storefront that holds at least one landed record.

with

events as (
    select * from {{ ref('int_storefront__product_event_records') }}
),

product_views as (
    select * from {{ ref('product_views') }}
),

orders as (
    select * from {{ ref('int_storefront__orders') }}
),

kept_orders as (
    select * from {{ ref('orders') }}
),

order_items as (
    select * from {{ ref('int_storefront__order_items') }}
),

purchases as (
    select * from {{ ref('purchases') }}
),

events_per_file as (
    select
        source_file,
        'product_events' as table_name,
        count(*) as items,
        count(rejection_reason) as rejected,
        count(other_kind) as left_out,
        0 as duplicate,
        0 as superseded
    from events
    group by source_file
),

orders_per_file as (
    select
        source_file,
        'orders' as table_name,
        count(*) as items,
        count(case when outcome = 'rejected' then 1 end) as rejected,
        0 as left_out,
        count(case when outcome = 'duplicate' then 1 end) as duplicate,
        count(case when outcome = 'superseded' then 1 end) as superseded
    from orders
    group by source_file
),

order_items_per_file as (
    select
        source_file,
        'order_items' as table_name,
        count(*) as items,
        count(case when outcome = 'rejected' then 1 end) as rejected,
        count(case when outcome = 'left_out' then 1 end) as left_out,
        count(case when outcome = 'duplicate' then 1 end) as duplicate,
        count(case when outcome = 'superseded' then 1 end) as superseded
    from order_items
    group by source_file
),

per_file as (
    select * from events_per_file
    union all
    select * from orders_per_file
    union all
    select * from order_items_per_file
),

-- Counted in the marts themselves, so that a row lost on the way there shows.
kept_per_file as (
    select
        source_file,
        'product_events' as table_name,
        count(*) as kept
    from product_views
    group by source_file
    union all
    select
        source_file,
        'orders' as table_name,
        count(*) as kept
    from kept_orders
    group by source_file
    union all
    select
        source_file,
        'order_items' as table_name,
        count(*) as kept
    from purchases
    group by source_file
)

select
    per_file.source_file,
    'storefront' as source_name,
    per_file.table_name,
    per_file.items,
    per_file.rejected,
    per_file.left_out,
    per_file.duplicate,
    per_file.superseded,
    cast(0 as bigint) as redelivered,
    coalesce(kept_per_file.kept, 0) as kept
from per_file
left join kept_per_file
    on
        per_file.source_file = kept_per_file.source_file
        and per_file.table_name = kept_per_file.table_name
