-- Grain: one row per landed customer record, with what became of it.

{{ classified_table(
    ref('stg_music_store__customers'),
    ['customer_id'],
    [
        'first_name', 'last_name', 'company', 'street_address', 'city', 'state', 'country',
        'postal_code', 'phone', 'fax', 'email', 'support_representative_id'
    ]
) }}
