{% macro click_through(product_views, purchases, origin, minutes) -%}
    select
        interval_start_at,
        platform_name,
        product_id,
        view_count,
        purchase_count,
        {{ quotient('purchase_count', 'view_count', 4) }} as click_through_rate
    from (
        select
            interval_start_at,
            platform_name,
            product_id,
            cast(sum(view_count) as bigint) as view_count,
            cast(sum(purchase_count) as bigint) as purchase_count
        from (
            select
                {{ interval_start('happened_at', origin, minutes) }} as interval_start_at,
                platform_name,
                product_id,
                1 as view_count,
                0 as purchase_count
            from {{ product_views }}
            union all
            select
                {{ interval_start('happened_at', origin, minutes) }} as interval_start_at,
                platform_name,
                product_id,
                0 as view_count,
                1 as purchase_count
            from {{ purchases }}
        ) as happened
        group by interval_start_at, platform_name, product_id
    ) as counted
{%- endmacro %}
