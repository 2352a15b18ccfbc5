-- Grain: one row per order.

with

orders as (
    select * from {{ ref('int_storefront__orders') }}
    where outcome = 'kept'
),

platforms as (
    select * from {{ ref('platforms') }}
)

select
    orders.order_id,
    orders.ordered_at,
    orders.buyer_id,
    orders.status as order_status,
    coalesce(platforms.platform, orders.device) as platform,
    orders.total,
    orders.source_file,
    orders.source_record,
    orders.loaded_at
from orders
left join platforms on {{ lowered('orders.device') }} = platforms.device
