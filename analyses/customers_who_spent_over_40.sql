-- How many customers of the music store spent over 40?

with

customer_spend as (
    select * from {{ ref('customer_spend') }}
    where spent > 40
)

select count(*) as customer_count
from customer_spend
