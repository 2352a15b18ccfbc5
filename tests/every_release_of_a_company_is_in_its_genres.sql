-- A company's releases of a year add up to its movies of that year, each as often as it has genres,
-- and once, under genre 0, where it has none.

{{ config(meta={'rules': ['MOVIES-11']}) }}

with

movies as (
    select * from {{ ref('movies') }}
    where release_year is not null
),

movie_companies as (
    select * from {{ ref('movie_companies') }}
),

movie_genres as (
    select * from {{ ref('movie_genres') }}
),

releases as (
    select * from {{ ref('company_genre_year_releases') }}
),

genres_per_movie as (
    select
        movie_id,
        count(*) as genre_count,
        count(case when genre_id = 0 then 1 end) as genre_0_count
    from movie_genres
    group by movie_id
),

released as (
    select
        movie_companies.company_id,
        movies.release_year,
        sum(coalesce(genres_per_movie.genre_count, 1)) as release_count,
        sum(coalesce(genres_per_movie.genre_0_count, 1)) as genre_0_count
    from movie_companies
    inner join movies on movie_companies.movie_id = movies.movie_id
    left join genres_per_movie on movies.movie_id = genres_per_movie.movie_id
    group by movie_companies.company_id, movies.release_year
),

shown as (
    select
        company_id,
        release_year,
        sum(release_count) as release_count,
        sum(case when genre_id = 0 then release_count else 0 end) as genre_0_count
    from releases
    group by company_id, release_year
)

select
    coalesce(released.company_id, shown.company_id) as company_id,
    coalesce(released.release_year, shown.release_year) as release_year,
    released.release_count,
    shown.release_count as release_count_shown,
    released.genre_0_count,
    shown.genre_0_count as genre_0_count_shown
from released
full outer join shown
    on
        released.company_id = shown.company_id
        and released.release_year = shown.release_year
where
    released.release_count is distinct from shown.release_count
    or released.genre_0_count is distinct from shown.genre_0_count
