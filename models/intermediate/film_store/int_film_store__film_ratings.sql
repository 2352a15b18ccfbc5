-- Grain: one row per landed rating record, with what became of it.

with

ratings as (
    select * from {{ ref('stg_film_store__rating') }}
),

films as (
    select * from {{ ref('int_film_store__films') }}
    where outcome = 'kept'
),

customers as (
    select * from {{ ref('int_film_store__customers') }}
    where outcome = 'kept'
),

checked as (
    select
        ratings.customer_id,
        ratings.film_id,
        ratings.rating,
        ratings.source_file,
        ratings.source_record,
        ratings.loaded_at,
        ratings.rejected_text,
        case
            when ratings.rejection_reason is not null then ratings.rejection_reason
            when films.film_id is null then 'film_id: unknown_film'
            when customers.customer_id is null then 'customer_id: unknown_customer'
        end as rejection_reason
    from ratings
    left join films on ratings.film_id = films.film_id
    left join customers on ratings.customer_id = customers.customer_id
),

records as (
    select
        customer_id,
        film_id,
        rating,
        source_file,
        source_record,
        loaded_at,
        rejection_reason,
        case when rejection_reason is not null then rejected_text end as rejected_text
    from checked
)

{{ classified_table('records', ['customer_id', 'film_id'], ['rating']) }}
