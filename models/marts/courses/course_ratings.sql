-- Grain: one row per course that has ratings.

{{ config(
    pre_hook="{{ keep_order(true) }}",
    post_hook="{{ keep_order(false) }}",
) }}

with

ratings as (
    select * from {{ ref('ratings') }}
),

rated as (
    select
        course_id,
        -- In hundredths, so that the sum is one of integers.
        {{ quotient('sum(cast(rating * 100 as bigint))', '100 * count(*)', 6) }} as average_rating,
        count(*) as rating_count
    from ratings
    group by course_id
),

ranked as (
    select
        course_id,
        average_rating,
        rating_count,
        row_number() over (
            order by average_rating desc, rating_count desc, course_id asc
        ) as place
    from rated
)

select
    course_id,
    cast(place as integer) as rank,
    average_rating,
    rating_count
from ranked
order by place
