-- Which names do several companies have, and how much did each of those release, and when?

with

companies as (
    select * from {{ ref('companies') }}
),

company_year_facts as (
    select * from {{ ref('company_year_facts') }}
),

shared_names as (
    select company_name
    from companies
    group by company_name
    having count(*) > 1
)

select
    company_year_facts.company_name,
    company_year_facts.company_id,
    sum(company_year_facts.movie_count) as movie_count,
    min(company_year_facts.release_year) as first_release_year,
    max(company_year_facts.release_year) as last_release_year
from company_year_facts
inner join shared_names on company_year_facts.company_name = shared_names.company_name
group by company_year_facts.company_name, company_year_facts.company_id
order by company_year_facts.company_name, company_year_facts.company_id
