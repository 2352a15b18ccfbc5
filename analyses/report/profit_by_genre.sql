-- Grain: one row per genre and release year.

with

genre_year_facts as (
    select * from {{ ref('genre_year_facts') }}
)

select
    genre_id,
    genre_name,
    release_year,
    movie_count,
    cast(total_profit / 1000000 as decimal(18, 1)) as profit_in_millions
from genre_year_facts
order by genre_name, genre_id, release_year
