-- Grain: one row per landed order record.

{%- set fields = {
    'order_id': an_integer('id', required=true),
    'ordered_at': a_timestamp('order_date', required=true),
    'status': a_text('order_status', 'a_status', required=true),
    'device': a_text('device_type', 'a_device', required=true),
    'buyer_id': an_integer('user_id'),
    'total': a_number('order_total', 18, 4),
} %}

with

source as (
    select * from {{ source('storefront', 'orders') }}
),

validated as (
    {{ validated_fields('source', 'storefront.orders', fields) }}
)

select
    order_id,
    buyer_id,
    ordered_at,
    total,
    status,
    device,
    source_file,
    source_record,
    loaded_at,
    rejection_reason,
    case
        when rejection_reason is not null then {{ record_text('storefront.orders') }}
    end as rejected_text
from validated
