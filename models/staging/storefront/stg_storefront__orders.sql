-- Grain: one row per landed order record.

with

source as (
    select * from {{ source('storefront', 'orders') }}
),

typed as (
    select
        {{ cast_integer('id') }} as order_id,
        {{ cast_integer('user_id') }} as buyer_id,
        {{ cast_timestamp('order_date') }} as ordered_at,
        {{ cast_decimal('order_total', 18, 4) }} as total,
        nullif({{ trimmed('order_status') }}, '') as status,
        nullif({{ trimmed('device_type') }}, '') as device,
        id,
        user_id,
        order_date,
        order_total,
        order_status,
        device_type,
        _source_file as source_file,
        _source_record as source_record,
        _loaded_at as loaded_at
    from source
),

judged as (
    select
        *,
        {{ rejection_reason([
            ('id', 'order_id', 'an_integer', true),
            ('order_date', 'ordered_at', 'a_timestamp', true),
            ('order_status', 'status', 'a_status', true),
            ('device_type', 'device', 'a_device', true),
            ('user_id', 'buyer_id', 'an_integer', false),
            ('order_total', 'total', 'a_number', false),
        ]) }} as rejection_reason
    from typed
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
        when rejection_reason is not null
            then {{ json_record([
                'id', 'user_id', 'order_date', 'order_total', 'order_status', 'device_type'
            ]) }}
    end as rejected_text
from judged
