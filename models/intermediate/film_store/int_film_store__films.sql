-- Grain: one row per landed film record, with what became of it.

{{ classified_table(
    ref('stg_film_store__film'),
    ['film_id'],
    ['title', 'description', 'release_year', 'rental_rate', 'length', 'content_rating']
) }}
