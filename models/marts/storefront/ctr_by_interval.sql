-- Grain: one row per interval, platform and product that had a view or a purchase.

with

viewed as (
    select * from {{ ref('product_views') }}
),

bought as (
    select * from {{ ref('purchases') }}
),

platforms as (
    select * from {{ ref('platforms') }}
    where delivers_product_views
),

product_views as (
    select
        viewed_at as happened_at,
        platform as platform_name,
        product_id
    from viewed
    where platform in (select platforms.platform from platforms)
),

purchases as (
    select
        purchased_at as happened_at,
        platform as platform_name,
        product_id
    from bought
    where platform in (select platforms.platform from platforms)
),

rated as (
    {{ click_through(
        'product_views',
        'purchases',
        "date_trunc('day', happened_at)",
        number_var('ctr_interval_minutes', 1)
    ) }}
)

select
    interval_start_at,
    platform_name as platform,
    product_id,
    view_count as product_views,
    purchase_count as purchases,
    click_through_rate as ctr
from rated
