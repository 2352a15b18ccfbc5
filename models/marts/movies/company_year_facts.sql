-- Grain: one row per company and release year.

{{ config(materialized='view') }}

with

movies as (
    select * from {{ ref('movies') }}
    where release_year is not null
),

movie_companies as (
    select * from {{ ref('movie_companies') }}
),

companies as (
    select * from {{ ref('companies') }}
),

releases as (
    select
        movie_companies.company_id,
        companies.company_name,
        movies.release_year,
        movies.popularity,
        movies.budget,
        movies.revenue,
        movies.is_budget_known,
        movies.is_revenue_known
    from movie_companies
    inner join movies on movie_companies.movie_id = movies.movie_id
    inner join companies on movie_companies.company_id = companies.company_id
),

figured as (
    {{ yearly_figures('releases', ['company_id', 'company_name']) }}
)

select
    company_id,
    company_name,
    release_year,
    movie_count,
    average_popularity,
    total_budget,
    total_revenue,
    total_profit,
    average_budget,
    average_revenue,
    average_profit,
    known_budget_count,
    known_revenue_count
from figured
order by company_name, company_id, release_year
