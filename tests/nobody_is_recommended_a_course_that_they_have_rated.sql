-- Somebody who has rated a course knows it already.

{{ config(meta={'rules': ['COURSES-8']}) }}

with

recommendations as (
    select * from {{ ref('recommendations') }}
),

ratings as (
    select * from {{ ref('ratings') }}
)

select
    recommendations.user_id,
    recommendations.rank,
    recommendations.course_id,
    ratings.source_file,
    ratings.source_record
from recommendations
inner join ratings
    on
        recommendations.user_id = ratings.user_id
        and recommendations.course_id = ratings.course_id
