-- Grain: one row per landed order item record, with what became of it.

with

records as (
    select * from {{ ref('stg_storefront__order_items') }}
),

orders as (
    select * from {{ ref('int_storefront__orders') }}
    where outcome = 'kept'
),

platforms as (
    select * from {{ ref('platforms') }}
),

classified as (
    {{ classified_records(
        'records', ['order_item_id'], ['order_id', 'product_id', 'sku', 'quantity']
    ) }}
),

joined as (
    select
        classified.order_item_id,
        classified.order_id,
        classified.product_id,
        classified.sku,
        classified.quantity,
        classified.source_file,
        classified.source_record,
        classified.loaded_at,
        classified.rejected_text,
        classified.outcome,
        orders.ordered_at as purchased_at,
        orders.status as order_status,
        coalesce(platforms.platform, orders.device) as platform,
        coalesce(platforms.delivers_product_views, false) as delivers_product_views,
        case
            when classified.outcome = 'kept' and orders.order_id is null
                then 'order_id: orphan_order_item'
            else classified.rejection_reason
        end as rejection_reason
    from classified
    left join orders on classified.order_id = orders.order_id
    left join platforms on {{ lowered('orders.device') }} = platforms.device
)

select
    order_item_id,
    order_id,
    product_id,
    sku,
    quantity,
    purchased_at,
    order_status,
    platform,
    delivers_product_views,
    source_file,
    source_record,
    loaded_at,
    rejection_reason,
    case when rejection_reason is not null then rejected_text end as rejected_text,
    case
        when rejection_reason is not null then 'rejected'
        {%- if var('excluded_order_statuses') %}
        when
            outcome = 'kept'
            and order_status in {{ literal_list(var('excluded_order_statuses')) }}
            then 'left_out'
        {%- endif %}
        else outcome
    end as outcome
from joined
