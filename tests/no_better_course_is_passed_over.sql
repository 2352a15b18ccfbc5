-- Of the courses that may be recommended to a user, each that is better than one of the user's
-- recommendations is recommended, too, or rated by the user. Better is a higher average, then more
-- ratings, then the smaller id. The rating shown is the course's.

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
    where rating_count > 0
),

ranked as (
    select
        course_id,
        average_rating,
        {{ recommendation_scope('programming_language') }} as scope,
        row_number() over (
            order by average_rating desc, rating_count desc, course_id asc
        ) as course_rank
    from courses
),

shown as (
    select
        recommendations.user_id,
        recommendations.rank,
        recommendations.course_id,
        recommendations.rating,
        ranked.average_rating,
        ranked.scope,
        ranked.course_rank,
        row_number() over (
            partition by recommendations.user_id
            order by ranked.course_rank
        ) as expected_rank
    from recommendations
    left join ranked on recommendations.course_id = ranked.course_id
),

lowest as (
    select
        user_id,
        scope,
        max(course_rank) as course_rank
    from shown
    group by user_id, scope
),

-- Many users have the same lowest course: those above it are listed once.
cuts as (
    select
        scope,
        course_rank
    from lowest
    group by scope, course_rank
),

above as (
    select
        cuts.scope,
        cuts.course_rank,
        ranked.course_id
    from cuts
    inner join ranked
        on
            cuts.scope = ranked.scope
            and cuts.course_rank > ranked.course_rank
),

passed_over as (
    select
        lowest.user_id,
        above.course_id
    from lowest
    inner join above
        on
            lowest.scope = above.scope
            and lowest.course_rank = above.course_rank
    left join ratings
        on
            lowest.user_id = ratings.user_id
            and above.course_id = ratings.course_id
    left join recommendations
        on
            lowest.user_id = recommendations.user_id
            and above.course_id = recommendations.course_id
    where
        ratings.user_id is null
        and recommendations.user_id is null
)

select
    user_id,
    course_id,
    'passed over' as problem
from passed_over
union all
select
    user_id,
    course_id,
    'in the wrong place, or with another rating' as problem
from shown
where
    rank != expected_rank
    or rating is distinct from average_rating
