-- Grain: one row per raw file of the storefront, reason and kind.

with

events as (
    select * from {{ ref('int_storefront__product_event_records') }}
),

platforms as (
    select * from {{ ref('platforms') }}
),

order_items as (
    select * from {{ ref('int_storefront__order_items') }}
),

left_out as (
    select
        source_file,
        'product_events' as table_name,
        'not_a_product_view' as reason,
        other_kind as kind,
        'left_out' as counted_as
    from events
    where outcome = 'left_out'
    union all
    select
        events.source_file,
        'product_events' as table_name,
        'platform_without_views' as reason,
        coalesce(platforms.platform, events.platform) as kind,
        events.outcome as counted_as
    from events
    left join platforms on {{ lowered('events.platform') }} = platforms.device
    where
        events.outcome = 'kept'
        and not coalesce(platforms.delivers_product_views, false)
    union all
    select
        source_file,
        'order_items' as table_name,
        'excluded_order_status' as reason,
        order_status as kind,
        outcome as counted_as
    from order_items
    where outcome = 'left_out'
    union all
    select
        source_file,
        'order_items' as table_name,
        'platform_without_views' as reason,
        platform as kind,
        outcome as counted_as
    from order_items
    where
        outcome = 'kept'
        and not delivers_product_views
)

select
    source_file,
    'storefront' as source_name,
    table_name,
    reason,
    kind,
    counted_as,
    count(*) as items
from left_out
group by source_file, table_name, reason, kind, counted_as
