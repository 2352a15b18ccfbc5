-- Grain: one row per genre and release year.

{{ config(materialized='view') }}

with

movies as (
    select * from {{ ref('movies') }}
    where release_year is not null
),

movie_genres as (
    select * from {{ ref('movie_genres') }}
),

genres as (
    select * from {{ ref('genres') }}
),

releases as (
    select
        movie_genres.genre_id,
        genres.genre_name,
        movies.release_year,
        movies.popularity,
        movies.budget,
        movies.revenue,
        movies.is_budget_known,
        movies.is_revenue_known
    from movie_genres
    inner join movies on movie_genres.movie_id = movies.movie_id
    inner join genres on movie_genres.genre_id = genres.genre_id
),

figured as (
    {{ yearly_figures('releases', ['genre_id', 'genre_name']) }}
)

select
    genre_id,
    genre_name,
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
order by release_year asc, average_popularity desc nulls last, genre_id asc
