-- Grain: one row per movie and company.

with

listed as (
    select * from {{ ref('int_movies__listed_companies') }}
)

select
    movie_id,
    company_id
from listed
-- A movie may list the same company twice.
group by movie_id, company_id
