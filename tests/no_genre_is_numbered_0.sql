-- 0 stands for movies without genres. Someone should look for another number if a delivery uses it.

{{ config(severity='warn', store_failures=false, meta={'rules': ['MOVIES-11']}) }}

select
    genre_id,
    genre_name,
    named_by_movie_id
from {{ ref('genres') }}
where genre_id = 0
