-- Grain: one row per year and week with votes, with the band that is not an outlier (BLOG-8).

with

weekly_votes as (
    select * from {{ ref('weekly_votes') }}
)

select
    cast(year as varchar) || '-W' || lpad(cast(week_number as varchar), 2, '0') as week,
    vote_count,
    round(average_vote_count * (1 - {{ var('outlier_deviation') }}), 2) as band_low,
    round(average_vote_count * (1 + {{ var('outlier_deviation') }}), 2) as band_high,
    deviation > {{ var('outlier_deviation') }} as is_outlier
from weekly_votes
order by year, week_number
