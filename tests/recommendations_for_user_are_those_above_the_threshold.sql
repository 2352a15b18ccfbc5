-- COURSES-10: the function, asked without a threshold for the first user who has a recommendation
-- above it, gives as many rows as that user has, and each is one of them.

{{ config(meta={'rules': ['COURSES-10']}) }}

with

recommendations as (
    select * from {{ ref('recommendations') }}
    where rating > 4.5
),

courses as (
    select * from {{ ref('courses') }}
),

first_user as (
    select min(user_id) as first_user_id
    from recommendations
),

expected as (
    select
        courses.title,
        recommendations.rating
    from recommendations
    inner join first_user on recommendations.user_id = first_user.first_user_id
    inner join courses on recommendations.course_id = courses.course_id
),

-- With `--empty` a ref is a subquery, which nobody can call; render() gives the name alone.
shown as (
    select
        title,
        rating
    from {{ ref('recommendations_for_user').render() }}((select first_user_id from first_user))
),

differences as (
    select
        title,
        rating,
        1 as expected,
        0 as shown
    from expected
    union all
    select
        title,
        rating,
        0 as expected,
        1 as shown
    from shown
)

select
    title,
    rating,
    sum(expected) as expected,
    sum(shown) as shown
from differences
group by title, rating
having sum(expected) != sum(shown)
