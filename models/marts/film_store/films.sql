-- Grain: one row per film.

with

films as (
    select * from {{ ref('int_film_store__films') }}
    where outcome = 'kept'
),

rated_films as (
    select * from {{ ref('int_film_store__rated_films') }}
),

recommended_films as (
    select * from {{ ref('int_film_store__recommended_films') }}
),

recommended as (
    select
        films.film_id,
        {{ ordered_list('recommended_films.recommended_film_id', 'recommended_films.rank') }}
            as recommended_film_ids
    from films
    left join recommended_films on films.film_id = recommended_films.film_id
    group by films.film_id
)

select
    films.film_id,
    films.title,
    films.description,
    films.release_year,
    films.length,
    films.content_rating,
    films.rental_rate,
    cast(floor(films.rental_rate) as integer) as rental_rate_dollar,
    cast(films.rental_rate * 100 as integer) % 100 as rental_rate_cents,
    rated_films.average_rating,
    coalesce(rated_films.rating_count, 0) as rating_count,
    recommended.recommended_film_ids,
    films.source_file,
    films.source_record,
    films.loaded_at
from films
inner join recommended on films.film_id = recommended.film_id
left join rated_films on films.film_id = rated_films.film_id
