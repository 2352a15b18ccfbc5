-- Which twenty products were viewed most often, on platforms that deliver views, and never bought?

with

ctr_by_interval as (
    select * from {{ ref('ctr_by_interval') }}
),

viewed_most as (
    select
        product_id,
        sum(product_views) as product_views,
        count(distinct platform) as platforms,
        min(interval_start_at) as first_interval_at,
        max(interval_start_at) as last_interval_at
    from ctr_by_interval
    group by product_id
    having sum(purchases) = 0
    order by sum(product_views) desc, product_id asc
    limit 20
)

select
    product_id,
    product_views,
    platforms,
    first_interval_at,
    last_interval_at
from viewed_most
order by product_views desc, product_id asc
