-- Grain: one row per landed sale record.

{%- set fields = {
    'invoiced_at': a_timestamp('invoice_date', required=true),
    'unit_price': a_number('UnitPrice', 18, 4, required=true),
    'quantity': an_integer('Quantity', 'integer', required=true),
    'genre_name': a_text('genre', 'a_name', required=true),
    'media_type_name': a_text('media_type'),
    'minutes': a_number('minutes', 18, 6),
} %}

with

source as (
    select * from {{ source('music_store', 'orders') }}
),

validated as (
    {{ validated_fields('source', 'music_store.orders', fields) }}
)

select
    invoiced_at,
    genre_name,
    media_type_name,
    minutes,
    unit_price,
    quantity,
    source_file,
    source_record,
    loaded_at,
    rejection_reason,
    case
        when rejection_reason is not null then {{ record_text('music_store.orders') }}
    end as rejected_text
from validated
