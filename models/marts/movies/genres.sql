-- Grain: one row per genre.

with

listed as (
    select * from {{ ref('int_movies__listed_genres') }}
),

latest as (
    {{ latest_names('listed', 'genre_id') }}
)

select
    genre_id,
    genre_name,
    movie_id as named_by_movie_id
from latest
