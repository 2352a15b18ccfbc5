-- Grain: one row per hour of the day and platform with views.

with

ctr_by_interval as (
    select * from {{ ref('ctr_by_interval') }}
)

select
    extract(hour from interval_start_at) as hour_of_day,
    platform,
    cast(sum(product_views) as bigint) as product_views,
    cast(sum(purchases) as bigint) as purchases,
    cast(sum(purchases) / sum(product_views) as decimal(18, 4)) as click_through_rate
from ctr_by_interval
group by extract(hour from interval_start_at), platform
having sum(product_views) > 0
order by hour_of_day, platform
