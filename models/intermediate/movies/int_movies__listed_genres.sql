-- Grain: one row per place in the list of genres of a movie.

with

movies as (
    select * from {{ ref('int_movies__movies') }}
    where outcome = 'kept'
),

listed as (
    select
        movie_id,
        release_on,
        {{ explode('genre_list', 'genre', 'list_position') }}
    from movies
)

select
    movie_id,
    release_on,
    cast(list_position as integer) as list_position,
    genre['id'] as genre_id,
    genre['name'] as genre_name
from listed
