-- Grain: one row per landed order item record.

with

source as (
    select * from {{ source('storefront', 'order_items') }}
),

typed as (
    select
        {{ cast_integer('id') }} as order_item_id,
        {{ cast_integer('order_id') }} as placed_order_id,
        {{ cast_integer('quantity') }} as pieces,
        nullif({{ trimmed('code_color') }}, '') as product_id,
        id,
        order_id,
        sku,
        quantity,
        code_color,
        _source_file as source_file,
        _source_record as source_record,
        _loaded_at as loaded_at
    from source
),

judged as (
    select
        *,
        {{ rejection_reason([
            ('id', 'order_item_id', 'an_integer', true),
            ('order_id', 'placed_order_id', 'an_integer', true),
            ('code_color', 'product_id', 'a_product', true),
            ('quantity', 'pieces', 'an_integer', false),
        ]) }} as rejection_reason
    from typed
)

select
    order_item_id,
    placed_order_id as order_id,
    product_id,
    sku,
    pieces as quantity,
    source_file,
    source_record,
    loaded_at,
    rejection_reason,
    -- Of every record: whether its order is known shows later.
    {{ json_record(['id', 'order_id', 'sku', 'quantity', 'code_color']) }} as rejected_text
from judged
