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

-- The parameter `platform` hides a column of that name on one engine, and is hidden by it on
-- another: below, no column is called so.
-- noqa: disable=RF03
all_views as (
    select
        viewed.viewed_at as happened_at,
        viewed.platform as platform_name,
        viewed.product_id
    from viewed
    where viewed.platform in (select platforms.platform from platforms)
),

all_purchases as (
    select
        bought.purchased_at as happened_at,
        bought.platform as platform_name,
        bought.product_id
    from bought
    where bought.platform in (select platforms.platform from platforms)
),
-- noqa: enable=RF03

product_views as (
    select
        happened_at,
        platform_name,
        product_id
    from all_views
    where
        happened_at >= cast(start_at as timestamp)
        and happened_at < cast(end_at as timestamp)
        and (product is null or product_id = product)
        and (platform is null or platform_name = platform)
),

purchases as (
    select
        happened_at,
        platform_name,
        product_id
    from all_purchases
    where
        happened_at >= cast(start_at as timestamp)
        and happened_at < cast(end_at as timestamp)
        and (product is null or product_id = product)
        and (platform is null or platform_name = platform)
),

rated as (
    {{ click_through(
        'product_views', 'purchases', 'cast(start_at as timestamp)', 'interval_minutes'
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
order by interval_start_at, platform_name, product_id
