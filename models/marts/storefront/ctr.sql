-- Grain: one row per interval, platform and product that had a view or a purchase in the range.

{{ config(
    materialized='table_function',
    parameters=['start_at', 'end_at', 'interval_minutes', 'product := null', 'platform := null'],
    meta={'parameter_types': {
        'start_at': 'timestamp',
        'end_at': 'timestamp',
        'interval_minutes': 'bigint',
        'product': 'varchar',
        'platform': 'varchar',
    }},
    contract={'enforced': false},
    persist_docs={'relation': false, 'columns': false},
) }}

with

-- A parameter hides a column of its name on one engine, and is hidden by it on another: here no
-- column is called `platform` or `product`.
viewed as (
    select
        product_views.viewed_at as happened_at,
        product_views.platform as platform_name,
        product_views.product_id
    from {{ ref('product_views') }} as product_views
),

bought as (
    select
        purchases.purchased_at as happened_at,
        purchases.platform as platform_name,
        purchases.product_id
    from {{ ref('purchases') }} as purchases
),

platforms as (
    select platforms.platform as platform_name
    from {{ ref('platforms') }} as platforms
    where platforms.delivers_product_views
),

product_views as (
    select
        happened_at,
        platform_name,
        product_id
    from viewed
    where
        happened_at >= cast(start_at as timestamp)
        and happened_at < cast(end_at as timestamp)
        and (product is null or product_id = product)
        and (platform is null or platform_name = platform)
        and platform_name in (select platforms.platform_name from platforms)
),

purchases as (
    select
        happened_at,
        platform_name,
        product_id
    from bought
    where
        happened_at >= cast(start_at as timestamp)
        and happened_at < cast(end_at as timestamp)
        and (product is null or product_id = product)
        and (platform is null or platform_name = platform)
        and platform_name in (select platforms.platform_name from platforms)
),

{{ click_through('cast(start_at as timestamp)', 'interval_minutes') }}

select
    interval_start_at,
    platform_name as platform,
    product_id,
    view_count as product_views,
    purchase_count as purchases,
    click_through_rate as ctr
from rated
order by interval_start_at, platform_name, product_id
