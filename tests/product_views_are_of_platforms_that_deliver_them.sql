-- No click-through rate shows views from another folder. Someone should move its files, or name the
-- folder in the seed.

{{ config(severity='warn', store_failures=false, meta={'rules': ['STOREFRONT-13']}) }}

with

product_views as (
    select * from {{ ref('product_views') }}
),

platforms as (
    select * from {{ ref('platforms') }}
    where delivers_product_views
)

select
    platform,
    count(*) as product_views,
    min(source_file) as first_source_file
from product_views
where platform not in (select platforms.platform from platforms)
group by platform
