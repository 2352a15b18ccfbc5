-- Grain: one row per course.

with

courses as (
    select * from {{ ref('int_courses__courses') }}
    where outcome = 'kept'
),

course_ratings as (
    select * from {{ ref('course_ratings') }}
)

select
    courses.course_id,
    courses.title,
    courses.programming_language,
    courses.description,
    course_ratings.average_rating,
    coalesce(course_ratings.rating_count, 0) as rating_count,
    courses.source_file,
    courses.source_record,
    courses.loaded_at
from courses
left join course_ratings on courses.course_id = course_ratings.course_id
