-- Grain: one row per customer and film that the customer has rated.

with

ratings as (
    select * from {{ ref('int_film_store__film_ratings') }}
    where outcome = 'kept'
)

select
    customer_id,
    film_id,
    rating,
    source_file,
    source_record,
    loaded_at
from ratings
