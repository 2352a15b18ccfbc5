-- For the first user who has a recommendation above 4.5 the function gives, without a threshold,
-- those that are above 4.5, and with the lowest of their ratings as threshold those that are above
-- that.

{{ config(meta={'rules': ['COURSES-10']}) }}

-- With `--empty` a ref is a subquery, which nobody can call; render() gives the name alone.
{% set ask = ref('recommendations_for_user').render() %}

with

recommendations as (
    select * from {{ ref('recommendations') }}
),

courses as (
    select * from {{ ref('courses') }}
),

first_user as (
    select min(user_id) as first_user_id
    from recommendations
    where rating > 4.5
),

titled as (
    select
        courses.title,
        recommendations.rating
    from recommendations
    inner join first_user on recommendations.user_id = first_user.first_user_id
    inner join courses on recommendations.course_id = courses.course_id
),

lowest as (
    select min(rating) as lowest_rating
    from titled
),

compared as (
    select
        'default' as threshold,
        title,
        rating,
        1 as expected,
        0 as shown
    from titled
    where rating > 4.5
    union all
    select
        'lowest' as threshold,
        titled.title,
        titled.rating,
        1 as expected,
        0 as shown
    from titled
    inner join lowest on titled.rating > lowest.lowest_rating
    union all
    select
        'default' as threshold,
        title,
        rating,
        0 as expected,
        1 as shown
    from {{ ask }}((select first_user_id from first_user))
    union all
    select
        'lowest' as threshold,
        title,
        rating,
        0 as expected,
        1 as shown
    from {{ ask }}((select first_user_id from first_user), (select lowest_rating from lowest))
)

select
    threshold,
    title,
    rating,
    sum(expected) as expected,
    sum(shown) as shown
from compared
group by threshold, title, rating
having sum(expected) != sum(shown)
