-- Grain: one row per event, order or order item that was rejected.

{{ rejected_records_of(
    'storefront', 'product_events', ref('int_storefront__product_event_records'), 'source_item'
) }}
union all
{{ rejected_records_of('storefront', 'orders', ref('int_storefront__orders')) }}
union all
{{ rejected_records_of('storefront', 'order_items', ref('int_storefront__order_items')) }}
