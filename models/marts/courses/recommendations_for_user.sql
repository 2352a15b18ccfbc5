-- Grain: one row per recommendation to a user whose rating is above the threshold.

{{ config(
    materialized='table_function',
    parameters=['user_id', 'threshold := 4.5'],
    contract={'enforced': false},
    persist_docs={'relation': false, 'columns': false},
) }}

with

recommendations as (
    select * from {{ ref('recommendations') }}
),

courses as (
    select * from {{ ref('courses') }}
)

select
    courses.title,
    recommendations.rating
from recommendations
inner join courses on recommendations.course_id = courses.course_id
where
    -- The parameter `user_id` hides the column of that name unless the column says whose it is.
    recommendations.user_id = user_id -- noqa: RF02
    and recommendations.rating > threshold -- noqa: RF02
order by recommendations.rank
