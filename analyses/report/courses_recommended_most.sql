-- Grain: one row per course, of the twelve that are recommended to most users.

with

recommendations as (
    select * from {{ ref('recommendations') }}
),

courses as (
    select * from {{ ref('courses') }}
)

select
    courses.course_id,
    coalesce(courses.title, 'course ' || cast(courses.course_id as varchar)) as title,
    courses.average_rating,
    count(*) as user_count
from recommendations
inner join courses on recommendations.course_id = courses.course_id
group by courses.course_id, courses.title, courses.average_rating
order by user_count desc, courses.course_id asc
limit 12
