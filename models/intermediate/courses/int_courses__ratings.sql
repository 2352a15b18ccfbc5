-- Grain: one row per landed rating record, with what became of it.

with

ratings as (
    select * from {{ ref('stg_courses__ratings') }}
),

courses as (
    select * from {{ ref('int_courses__courses') }}
    where outcome = 'kept'
),

checked as (
    select
        ratings.user_id,
        ratings.course_id,
        ratings.rating,
        ratings.source_file,
        ratings.source_record,
        ratings.loaded_at,
        ratings.rejected_text,
        case
            when ratings.rejection_reason is null and courses.course_id is null
                then 'course_id: unknown_course'
            else ratings.rejection_reason
        end as rejection_reason
    from ratings
    left join courses on ratings.course_id = courses.course_id
),

records as (
    select
        user_id,
        course_id,
        rating,
        source_file,
        source_record,
        loaded_at,
        rejection_reason,
        case when rejection_reason is not null then rejected_text end as rejected_text
    from checked
),

classified as (
    {{ classified_records('records', ['user_id', 'course_id'], ['rating']) }}
)

select
    user_id,
    course_id,
    rating,
    source_file,
    source_record,
    loaded_at,
    rejection_reason,
    rejected_text,
    outcome
from classified
