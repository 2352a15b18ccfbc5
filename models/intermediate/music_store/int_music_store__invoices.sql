-- Grain: one row per landed invoice record, with what became of it.

with

records as (
    select * from {{ ref('stg_music_store__invoices') }}
),

{{ judge_records(
    'records',
    ['invoice_id'],
    [
        'customer_id', 'invoiced_at', 'billing_address', 'billing_city', 'billing_state',
        'billing_country', 'billing_postal_code', 'invoice_total'
    ]
) }}

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
    rejected_text,
    outcome
from judged
