-- A film lists exactly what is recommended with it, first rank first.

{{ config(meta={'rules': ['FILM_STORE-8']}) }}

with

films as (
    select * from {{ ref('films') }}
),

recommended_films as (
    select * from {{ ref('int_film_store__recommended_films') }}
),

listed as (
    select
        film_id,
        {{ explode('recommended_film_ids', 'recommended_film_id', 'position') }}
    from films
)

select
    coalesce(listed.film_id, recommended_films.film_id) as film_id,
    listed.position,
    listed.recommended_film_id as listed_film_id,
    recommended_films.recommended_film_id
from listed
full outer join recommended_films
    on
        listed.film_id = recommended_films.film_id
        and listed.position = recommended_films.rank
where listed.recommended_film_id is distinct from recommended_films.recommended_film_id
