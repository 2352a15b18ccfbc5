-- Grain: one row per landed order item record.

{%- set fields = {
    'order_item_id': an_integer('id', required=true),
    'order_id': an_integer('order_id', required=true),
    'product_id': a_text('code_color', 'a_product', required=true),
    'sku': field('sku'),
    'quantity': an_integer('quantity'),
} %}

with

source as (
    select * from {{ source('storefront', 'order_items') }}
),

validated as (
    {{ validated_fields('source', 'storefront.order_items', fields) }}
)

select
    order_item_id,
    order_id,
    product_id,
    sku,
    quantity,
    source_file,
    source_record,
    loaded_at,
    rejection_reason,
    -- Of every record: whether its order is known shows later.
    {{ record_text('storefront.order_items') }} as rejected_text
from validated
