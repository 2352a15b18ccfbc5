-- Grain: one row per landed course record, with what became of it.

with

courses as (
    select * from {{ ref('stg_courses__courses') }}
),

records as (
    select
        course_id,
        title,
        description,
        coalesce(
            programming_language, {{ literal(default_programming_language()) }}
        ) as programming_language,
        source_file,
        source_record,
        loaded_at,
        rejection_reason,
        rejected_text
    from courses
),

classified as (
    {{ classified_records(
        'records', ['course_id'], ['title', 'description', 'programming_language']
    ) }}
)

select
    course_id,
    title,
    description,
    programming_language,
    source_file,
    source_record,
    loaded_at,
    rejection_reason,
    rejected_text,
    outcome
from classified
