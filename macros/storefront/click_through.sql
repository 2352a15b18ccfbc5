{#-
    The one definition of intervals and of the click-through rate. Reads the CTEs product_views and
    purchases, of platforms that deliver views, each with happened_at, platform_name and product_id.
-#}
{% macro click_through(origin, minutes) -%}
happened as (
    select
        {{ interval_start('happened_at', origin, minutes) }} as interval_start_at,
        platform_name,
        product_id,
        1 as view_count,
        0 as purchase_count
    from product_views
    union all
    select
        {{ interval_start('happened_at', origin, minutes) }} as interval_start_at,
        platform_name,
        product_id,
        0 as view_count,
        1 as purchase_count
    from purchases
),

counted as (
    select
        interval_start_at,
        platform_name,
        product_id,
        cast(sum(view_count) as bigint) as view_count,
        cast(sum(purchase_count) as bigint) as purchase_count
    from happened
    group by interval_start_at, platform_name, product_id
),

rated as (
    select
        interval_start_at,
        platform_name,
        product_id,
        view_count,
        purchase_count,
        {{ quotient('purchase_count', 'view_count', 4) }} as click_through_rate
    from counted
)
{%- endmacro %}
