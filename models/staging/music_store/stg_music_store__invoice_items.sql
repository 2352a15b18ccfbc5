-- Grain: one row per landed invoice line record.

{%- set fields = {
    'invoice_line_id': an_integer('InvoiceLineId', required=true),
    'invoice_id': an_integer('InvoiceId', required=true),
    'track_id': an_integer('TrackId', required=true),
    'unit_price': a_number('UnitPrice', 18, 4, required=true),
    'quantity': an_integer('Quantity', 'integer', required=true),
} %}

with

source as (
    select * from {{ source('music_store', 'invoice_items') }}
),

validated as (
    {{ validated_fields('source', 'music_store.invoice_items', fields) }}
)

select
    invoice_line_id,
    invoice_id,
    track_id,
    unit_price,
    quantity,
    source_file,
    source_record,
    loaded_at,
    rejection_reason,
    case
        when rejection_reason is not null then {{ record_text('music_store.invoice_items') }}
    end as rejected_text
from validated
