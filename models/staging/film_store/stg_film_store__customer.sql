-- Grain: one row per landed customer record.

{%- set fields = {
    'customer_id': an_integer('customer_id', required=true),
    'first_name': a_text('first_name'),
    'last_name': a_text('last_name'),
    'email': a_text('email'),
    'active': a_boolean('active'),
} %}

with

source as (
    select * from {{ source('film_store', 'customer') }}
),

validated as (
    {{ validated_fields('source', 'film_store.customer', fields) }}
)

select
    customer_id,
    first_name,
    last_name,
    email,
    active,
    source_file,
    source_record,
    loaded_at,
    rejection_reason,
    case
        when rejection_reason is not null then {{ record_text('film_store.customer') }}
    end as rejected_text
from validated
