-- Grain: one row per landed order record, with what became of it.

{{ classified_table(
    ref('stg_storefront__orders'),
    ['order_id'],
    [
        'buyer_id', 'ordered_at', 'total', 'status', 'device'
    ]
) }}
