-- Grain: one row per customer.

{{ config(
    pre_hook="{{ keep_order(true) }}",
    post_hook="{{ keep_order(false) }}",
) }}

with

customers as (
    select * from {{ ref('customers') }}
),

sales as (
    select * from {{ ref('sales') }}
),

totals as (
    select
        customers.customer_id,
        customers.customer_name,
        count(distinct sales.invoice_id) as invoice_count,
        count(sales.invoice_line_id) as line_count,
        cast(coalesce(sum(sales.amount), 0) as decimal(38, 4)) as spent
    from customers
    left join sales on customers.customer_id = sales.customer_id
    group by customers.customer_id, customers.customer_name
)

select
    customer_id,
    customer_name,
    invoice_count,
    line_count,
    spent
from totals
order by spent desc, customer_name asc, customer_id asc
