-- Grain: one row per movie and genre.

with

listed as (
    select * from {{ ref('int_movies__listed_genres') }}
)

select
    movie_id,
    genre_id
from listed
-- A movie may list the same genre twice.
group by movie_id, genre_id
