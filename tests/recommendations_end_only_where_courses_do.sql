-- Everyone with a rating has as many recommendations as the var says, or as many as there are
-- unrated courses left, numbered from 1.

{{ config(meta={'rules': ['COURSES-8', 'COURSES-9']}) }}

with

recommendations as (
    select * from {{ ref('recommendations') }}
),

ratings as (
    select * from {{ ref('ratings') }}
),

courses as (
    select * from {{ ref('courses') }}
    where rating_count > 0
),

scoped as (
    select
        course_id,
        {{ recommendation_scope('programming_language') }} as scope
    from courses
),

courses_per_scope as (
    select
        scope,
        count(*) as courses
    from scoped
    group by scope
),

rated as (
    select
        ratings.user_id,
        scoped.scope,
        count(*) as courses
    from ratings
    inner join scoped on ratings.course_id = scoped.course_id
    group by ratings.user_id, scoped.scope
),

most_rated as (
    select
        user_id,
        max(courses) as courses
    from rated
    group by user_id
),

preferred as (
    select
        rated.user_id,
        min(rated.scope) as scope,
        max(rated.courses) as courses
    from rated
    inner join most_rated
        on
            rated.user_id = most_rated.user_id
            and rated.courses = most_rated.courses
    group by rated.user_id
),

expected as (
    select
        preferred.user_id,
        least(
            courses_per_scope.courses - preferred.courses,
            {{ number_var('recommendations_per_user', 1) }}
        ) as recommendations
    from preferred
    inner join courses_per_scope on preferred.scope = courses_per_scope.scope
),

shown as (
    select
        user_id,
        count(*) as recommendations,
        min(rank) as first_rank,
        max(rank) as last_rank
    from recommendations
    group by user_id
)

select
    coalesce(expected.user_id, shown.user_id) as user_id,
    expected.recommendations,
    shown.recommendations as recommendations_shown,
    shown.first_rank,
    shown.last_rank
from expected
full outer join shown on expected.user_id = shown.user_id
where
    coalesce(expected.recommendations, 0) != coalesce(shown.recommendations, 0)
    or shown.first_rank != 1
    or shown.last_rank != shown.recommendations
