-- On each platform that delivers views, the intervals hold all views and all purchases; what is
-- viewed or bought elsewhere is counted in left_out_items instead.

{{ config(meta={'rules': ['STOREFRONT-13', 'STOREFRONT-14']}) }}

with

viewed as (
    select * from {{ ref('product_views') }}
),

bought as (
    select * from {{ ref('purchases') }}
),

intervals as (
    select * from {{ ref('ctr_by_interval') }}
),

without_views as (
    select * from {{ ref('left_out_items') }}
    where reason = 'platform_without_views'
),

counted as (
    select
        platform,
        count(*) as product_views,
        0 as purchases
    from viewed
    group by platform
    union all
    select
        platform,
        0 as product_views,
        count(*) as purchases
    from bought
    group by platform
),

shown as (
    select
        platform,
        sum(product_views) as product_views,
        sum(purchases) as purchases
    from intervals
    group by platform
    union all
    select
        kind as platform,
        sum(case when table_name = 'product_events' then items else 0 end) as product_views,
        sum(case when table_name = 'order_items' then items else 0 end) as purchases
    from without_views
    group by kind
),

differences as (
    select
        platform,
        product_views,
        purchases
    from counted
    union all
    select
        platform,
        -product_views as product_views,
        -purchases as purchases
    from shown
)

select
    platform,
    sum(product_views) as product_views_missing,
    sum(purchases) as purchases_missing
from differences
group by platform
having
    sum(product_views) != 0
    or sum(purchases) != 0
