-- STOREFRONT-13, STOREFRONT-14: on each platform that delivers views, the intervals hold all views
-- and all purchases; what is bought elsewhere is counted in left_out_items, and in no interval.

{{ config(meta={'rules': ['STOREFRONT-13', 'STOREFRONT-14']}) }}

with

platforms as (
    select * from {{ ref('platforms') }}
    where delivers_product_views
),

viewed as (
    select * from {{ ref('product_views') }}
    where platform in (select platforms.platform from platforms)
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
        0 as product_views,
        sum(items) as purchases
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
