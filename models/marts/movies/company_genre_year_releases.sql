-- Grain: one row per company, genre and release year.

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

movie_genres as (
    select * from {{ ref('movie_genres') }}
),

genres as (
    select * from {{ ref('genres') }}
),

-- A movie without genres is a release of its companies, too.
releases as (
    select
        movie_companies.company_id,
        companies.company_name,
        coalesce(movie_genres.genre_id, 0) as genre_id,
        coalesce(genres.genre_name, '(none listed)') as genre_name,
        movies.release_year
    from movie_companies
    inner join movies on movie_companies.movie_id = movies.movie_id
    inner join companies on movie_companies.company_id = companies.company_id
    left join movie_genres on movie_companies.movie_id = movie_genres.movie_id
    left join genres on movie_genres.genre_id = genres.genre_id
)

select
    company_id,
    company_name,
    genre_id,
    genre_name,
    release_year,
    count(*) as release_count
from releases
group by company_id, company_name, genre_id, genre_name, release_year
order by company_name, company_id, release_year, genre_name, genre_id
