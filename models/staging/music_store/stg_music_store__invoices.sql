-- Grain: one row per landed invoice record.

with

source as (
    select * from {{ source('music_store', 'invoices') }}
),

typed as (
    select
        {{ cast_integer('InvoiceId') }} as invoice_id,
        {{ cast_integer('CustomerId') }} as customer_id,
        {{ cast_timestamp('InvoiceDate') }} as invoiced_at,
        {{ cast_decimal('Total', 18, 4) }} as invoice_total,
        InvoiceId,
        CustomerId,
        InvoiceDate,
        BillingAddress,
        BillingCity,
        BillingState,
        BillingCountry,
        BillingPostalCode,
        Total,
        _source_file as source_file,
        _source_record as source_record,
        _loaded_at as loaded_at
    from source
),

judged as (
    select
        *,
        {{ rejection_reason([
            ('InvoiceId', 'invoice_id', 'an_integer', true),
            ('CustomerId', 'customer_id', 'an_integer', true),
            ('InvoiceDate', 'invoiced_at', 'a_timestamp', false),
            ('Total', 'invoice_total', 'a_number', false),
        ]) }} as rejection_reason
    from typed
)

select
    invoice_id,
    customer_id,
    invoiced_at,
    nullif({{ trimmed('BillingAddress') }}, '') as billing_address,
    nullif({{ trimmed('BillingCity') }}, '') as billing_city,
    nullif({{ trimmed('BillingState') }}, '') as billing_state,
    nullif({{ trimmed('BillingCountry') }}, '') as billing_country,
    nullif({{ trimmed('BillingPostalCode') }}, '') as billing_postal_code,
    invoice_total,
    source_file,
    source_record,
    loaded_at,
    rejection_reason,
    case
        when rejection_reason is not null
            then {{ json_record([
                'InvoiceId', 'CustomerId', 'InvoiceDate', 'BillingAddress', 'BillingCity',
                'BillingState', 'BillingCountry', 'BillingPostalCode', 'Total'
            ]) }}
    end as rejected_text
from judged
