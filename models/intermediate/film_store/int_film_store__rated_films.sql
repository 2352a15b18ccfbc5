-- Grain: one row per film that has ratings.

with

ratings as (
    select * from {{ ref('film_ratings') }}
),

rated as (
    select
        film_id,
        {{ quotient('sum(rating)', 'count(*)', 6) }} as average_rating,
        count(*) as rating_count
    from ratings
    group by film_id
)

select
    film_id,
    average_rating,
    rating_count,
    cast(row_number() over (order by average_rating desc, film_id asc) as bigint) as place
from rated
