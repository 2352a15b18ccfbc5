-- Grain: one row per raw file and table of the storefront that holds at least one landed record.

with

events as (
    select
        *,
        case
            when rejection_reason is not null then 'rejected'
            when other_kind is not null then 'left_out'
        end as outcome
    from {{ ref('int_storefront__product_event_records') }}
)

{{ outcomes_per_file('storefront', 'product_events', 'events', ref('product_views')) }}
union all
{{ outcomes_per_file('storefront', 'orders', ref('int_storefront__orders'), ref('orders')) }}
union all
{{ outcomes_per_file(
    'storefront', 'order_items', ref('int_storefront__order_items'), ref('purchases')
) }}
