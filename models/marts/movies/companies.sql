-- Grain: one row per company.

with

listed as (
    select * from {{ ref('int_movies__listed_companies') }}
),

latest as (
    {{ latest_names('listed', 'company_id') }}
)

select
    company_id,
    company_name,
    movie_id as named_by_movie_id
from latest
