-- Grain: one row per platform of the seed.

with

platforms as (
    select * from {{ ref('platforms') }}
)

select
    platform,
    max(case when delivers_product_views then 1 else 0 end) = 1 as delivers_product_views
from platforms
group by platform
