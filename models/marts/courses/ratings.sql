-- Grain: one row per user and course that the user has rated.

with

ratings as (
    select * from {{ ref('int_courses__ratings') }}
    where outcome = 'kept'
)

select
    user_id,
    course_id,
    rating,
    source_file,
    source_record,
    loaded_at
from ratings
