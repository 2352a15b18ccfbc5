-- COURSES-7, COURSES-8, COURSES-9: above a recommended course, among those that may be recommended
-- to the user, stand only the user's better recommendations and what the user has rated. And the
-- rating that is shown is the course's.

{{ config(meta={'rules': ['COURSES-7', 'COURSES-8', 'COURSES-9']}) }}

with

recommendations as (
    select * from {{ ref('recommendations') }}
),

ratings as (
    select * from {{ ref('ratings') }}
),

courses as (
    select * from {{ ref('courses') }}
),

course_ratings as (
    select * from {{ ref('course_ratings') }}
),

scoped as (
    select
        course_ratings.course_id,
        course_ratings.rank,
        course_ratings.average_rating,
        {{ recommendation_scope('courses.programming_language') }} as scope
    from course_ratings
    inner join courses on course_ratings.course_id = courses.course_id
),

better as (
    select
        scoped.course_id,
        count(*) - 1 as better_courses
    from scoped
    inner join scoped as others
        on
            scoped.scope = others.scope
            and scoped.rank >= others.rank
    group by scoped.course_id
),

rated as (
    select
        ratings.user_id,
        scoped.scope,
        scoped.rank
    from ratings
    inner join scoped on ratings.course_id = scoped.course_id
),

recommended as (
    select
        recommendations.user_id,
        recommendations.rank,
        recommendations.course_id,
        recommendations.rating,
        scoped.scope,
        scoped.rank as course_rank,
        scoped.average_rating,
        better.better_courses
    from recommendations
    inner join scoped on recommendations.course_id = scoped.course_id
    inner join better on recommendations.course_id = better.course_id
)

select
    recommended.user_id,
    recommended.rank,
    recommended.course_id,
    recommended.rating,
    recommended.average_rating,
    recommended.better_courses,
    count(rated.rank) as better_courses_rated
from recommended
left join rated
    on
        recommended.user_id = rated.user_id
        and recommended.scope = rated.scope
        and recommended.course_rank > rated.rank
group by
    recommended.user_id,
    recommended.rank,
    recommended.course_id,
    recommended.rating,
    recommended.average_rating,
    recommended.better_courses
having
    recommended.better_courses != count(rated.rank) + recommended.rank - 1
    or recommended.rating != recommended.average_rating
