-- Grain: one row per rental rate.

with

films as (
    select * from {{ ref('films') }}
)

select
    rental_rate,
    count(*) as films,
    cast(sum(rating_count) as bigint) as ratings,
    cast(sum(average_rating * rating_count) / nullif(sum(rating_count), 0) as decimal(18, 2))
        as average_rating
from films
group by rental_rate
order by rental_rate
