-- Grain: one row per landed invoice record.

{%- set fields = {
    'invoice_id': an_integer('InvoiceId', required=true),
    'customer_id': an_integer('CustomerId', required=true),
    'invoiced_at': a_timestamp('InvoiceDate'),
    'billing_address': a_text('BillingAddress'),
    'billing_city': a_text('BillingCity'),
    'billing_state': a_text('BillingState'),
    'billing_country': a_text('BillingCountry'),
    'billing_postal_code': a_text('BillingPostalCode'),
    'invoice_total': a_number('Total', 18, 4),
} %}

with

source as (
    select * from {{ source('music_store', 'invoices') }}
),

validated as (
    {{ validated_fields('source', 'music_store.invoices', fields) }}
)

select
    invoice_id,
    customer_id,
    invoiced_at,
    billing_address,
    billing_city,
    billing_state,
    billing_country,
    billing_postal_code,
    invoice_total,
    source_file,
    source_record,
    loaded_at,
    rejection_reason,
    case
        when rejection_reason is not null then {{ record_text('music_store.invoices') }}
    end as rejected_text
from validated
