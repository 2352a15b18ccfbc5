-- Grain: one row per landed rating record.

{%- set fields = {
    'customer_id': an_integer('customer_id', required=true),
    'film_id': an_integer('film_id', required=true),
    'rating': an_integer(
        'rating', 'integer', kind='a_rating', at_least=1, at_most=5, required=true
    ),
} %}

with

source as (
    select * from {{ source('film_store', 'rating') }}
),

validated as (
    {{ validated_fields('source', 'film_store.rating', fields) }}
)

select
    customer_id,
    film_id,
    rating,
    source_file,
    source_record,
    loaded_at,
    rejection_reason,
    -- Of every record: whether its film and customer are known shows later.
    {{ record_text('film_store.rating') }} as rejected_text
from validated
