-- Grain: one row per landed invoice record, with what became of it.

{{ classified_table(
    ref('stg_music_store__invoices'),
    ['invoice_id'],
    [
        'customer_id', 'invoiced_at', 'billing_address', 'billing_city', 'billing_state',
        'billing_country', 'billing_postal_code', 'invoice_total'
    ]
) }}
