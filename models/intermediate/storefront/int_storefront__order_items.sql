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

ranked as (
    select
        *,
        row_number() over (
            partition by order_item_id, rejection_reason is null
            order by source_file desc, source_record desc
        ) as place
    from records
),

winners as (
    select * from ranked
    where
        place = 1
        and rejection_reason is null
),

judged as (
    select
        ranked.order_item_id,
        ranked.order_id,
        ranked.product_id,
        ranked.sku,
        ranked.quantity,
        ranked.source_file,
        ranked.source_record,
        ranked.loaded_at,
        ranked.rejected_text,
        orders.ordered_at as purchased_at,
        orders.status as order_status,
        coalesce(platforms.platform, orders.device) as platform,
        coalesce(platforms.delivers_product_views, false) as delivers_product_views,
        case
            when ranked.rejection_reason is not null then ranked.rejection_reason
            when ranked.place = 1 and orders.order_id is null then 'order_id: orphan_order_item'
        end as rejection_reason,
        ranked.place,
        (ranked.order_id = winners.order_id)
        and (ranked.product_id = winners.product_id)
        and (ranked.sku is not distinct from winners.sku)
        and (ranked.quantity is not distinct from winners.quantity) as equals_winner
    from ranked
    left join winners on ranked.order_item_id = winners.order_item_id
    left join orders on ranked.order_id = orders.order_id
    left join platforms on lower(orders.device) = platforms.device
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
        when place > 1 and equals_winner then 'duplicate'
        when place > 1 then 'superseded'
        {%- if var('excluded_order_statuses') %}
        when order_status in {{ literal_list(var('excluded_order_statuses')) }} then 'left_out'
        {%- endif %}
        else 'kept'
    end as outcome
from judged
