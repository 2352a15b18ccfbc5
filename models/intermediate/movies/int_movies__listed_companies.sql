-- Grain: one row per place in the list of companies of a movie.

with

movies as (
    select * from {{ ref('int_movies__movies') }}
    where outcome = 'kept'
),

listed as (
    select
        movie_id,
        release_on,
        {{ explode('company_list', 'company', 'list_position') }}
    from movies
)

select
    movie_id,
    release_on,
    cast(list_position as integer) as list_position,
    company['id'] as company_id,
    company['name'] as company_name
from listed
