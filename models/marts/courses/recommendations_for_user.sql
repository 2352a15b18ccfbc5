-- Grain: one row per recommendation to a user whose rating is above the threshold.

{{ config(
    materialized='table_function',
    parameters=['user_id', 'threshold := 4.5'],
    meta={'parameter_types': {'user_id': 'bigint', 'threshold': 'decimal(18,6)'}},
    contract={'enforced': false},
    persist_docs={'relation': false, 'columns': false},
) }}

with

recommendations as (
    select * from {{ ref('recommendations') }}
),

-- The parameter `user_id` hides a column of that name on one engine, and is hidden by it on
-- another: below, no column is called so.
recommended as (
    select
        recommendations.user_id as recommended_to, -- noqa: RF03
        rank,
        course_id,
        rating
    from recommendations
),

courses as (
    select * from {{ ref('courses') }}
)

select
    courses.title,
    recommended.rating
from recommended
inner join courses on recommended.course_id = courses.course_id
where
    recommended.recommended_to = user_id -- noqa: RF02
    and recommended.rating > threshold -- noqa: RF02
order by recommended.rank
