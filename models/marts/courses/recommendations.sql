-- Grain: one row per user and recommended course.

{{ config(
    pre_hook="{{ keep_order(true) }}",
    post_hook="{{ keep_order(false) }}",
) }}

{%- set most = number_var('recommendations_per_user', 1) %}

with

ratings as (
    select * from {{ ref('ratings') }}
),

courses as (
    select * from {{ ref('courses') }}
),

course_ratings as (
    select * from {{ ref('course_ratings') }}
),

-- A scope is what may be recommended to somebody: all courses, or those in one language.
scoped as (
    select
        course_ratings.course_id,
        course_ratings.rank,
        course_ratings.average_rating,
        {{ recommendation_scope('courses.programming_language') }} as scope
    from course_ratings
    inner join courses on course_ratings.course_id = courses.course_id
),

listed as (
    select
        course_id,
        average_rating,
        scope,
        row_number() over (partition by scope order by rank) as place
    from scoped
),

-- For each rated course: how many of those above it in its scope the user has not rated. These
-- numbers alone tell where the unrated courses stand, so users and courses are never paired.
rated as (
    select
        ratings.user_id,
        listed.scope,
        listed.place - row_number() over (
            partition by ratings.user_id, listed.scope
            order by listed.place
        ) as unrated_above
    from ratings
    inner join listed on ratings.course_id = listed.course_id
),

-- Courses below all those that are recommended bear on nothing, and are counted together.
counted as (
    select
        user_id,
        scope,
        least(unrated_above, {{ most }}) as unrated_above,
        count(*) as rated_courses
    from rated
    group by user_id, scope, least(unrated_above, {{ most }})
),

rated_scopes as (
    select
        user_id,
        scope,
        sum(rated_courses) as rated_courses
    from counted
    group by user_id, scope
),

preferred as (
    select
        user_id,
        scope,
        row_number() over (
            partition by user_id
            order by rated_courses desc, scope asc
        ) as preference
    from rated_scopes
),

ranks as (
    select rank
    from course_ratings
    where rank <= {{ most }}
),

-- A user's n-th unrated course stands n places down its scope, and one more for each rated course
-- that has fewer than n unrated ones above it.
placed as (
    select
        preferred.user_id,
        preferred.scope,
        ranks.rank,
        ranks.rank + sum(coalesce(counted.rated_courses, 0)) over (
            partition by preferred.user_id
            order by ranks.rank
        ) as place
    from preferred
    cross join ranks
    left join counted
        on
            preferred.user_id = counted.user_id
            and preferred.scope = counted.scope
            and ranks.rank = counted.unrated_above + 1
    where preferred.preference = 1
)

select
    placed.user_id,
    placed.rank,
    listed.course_id,
    listed.average_rating as rating
from placed
inner join listed
    on
        placed.scope = listed.scope
        and placed.place = listed.place
-- A user's recommendations are looked up by the user.
order by placed.user_id, placed.rank
