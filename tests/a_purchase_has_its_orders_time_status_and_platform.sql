-- An item that did not follow its order would be counted elsewhere.

{{ config(meta={'rules': ['STOREFRONT-9']}) }}

with

purchases as (
    select * from {{ ref('purchases') }}
),

orders as (
    select * from {{ ref('orders') }}
)

select
    purchases.order_item_id,
    purchases.order_id,
    purchases.purchased_at,
    orders.ordered_at,
    purchases.platform,
    orders.platform as order_platform,
    purchases.order_status,
    orders.order_status as status_of_order
from purchases
inner join orders on purchases.order_id = orders.order_id
where
    purchases.purchased_at != orders.ordered_at
    or purchases.platform != orders.platform
    or purchases.order_status != orders.order_status
