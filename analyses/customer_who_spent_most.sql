-- Which customer of the music store spent most, and how much?

with

customer_spend as (
    select * from {{ ref('customer_spend') }}
),

spent_most as (
    select
        customer_name,
        cast(spent as decimal(38, 2)) as amount
    from customer_spend
    order by spent desc, customer_name asc, customer_id asc
    limit 1
)

select
    customer_name,
    amount
from spent_most
