-- MUSIC_STORE-10: what all customers spent is what was paid for the lines of known customers, and
-- each of those lines is counted once.

{{ config(meta={'rules': ['MUSIC_STORE-10']}) }}

with

sales as (
    select * from {{ ref('sales') }}
    where customer_name is not null
),

customer_spend as (
    select * from {{ ref('customer_spend') }}
),

paid as (
    select
        count(*) as line_count,
        coalesce(sum(amount), 0) as amount
    from sales
),

spent as (
    select
        coalesce(sum(line_count), 0) as line_count,
        coalesce(sum(spent), 0) as amount
    from customer_spend
)

select
    paid.line_count,
    spent.line_count as line_count_of_customers,
    paid.amount,
    spent.amount as amount_of_customers
from paid
cross join spent
where
    paid.line_count != spent.line_count
    or paid.amount != spent.amount
