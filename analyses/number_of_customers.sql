-- How many different customers does the music store have?

with

customers as (
    select * from {{ ref('customers') }}
)

select count(*) as customer_count
from customers
