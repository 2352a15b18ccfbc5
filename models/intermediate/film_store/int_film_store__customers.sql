-- Grain: one row per landed customer record, with what became of it.

{{ classified_table(
    ref('stg_film_store__customer'),
    ['customer_id'],
    ['first_name', 'last_name', 'email', 'active']
) }}
