{#- Sums are decimals, so that no sum of amounts is out of range. -#}
{% macro yearly_figures(releases, by) -%}
    select
        {{ by | join(', ') }},
        release_year,
        movie_count,
        {{ quotient('total_popularity * 1000000', 'popularity_count * 1000000', 6) }}
            as average_popularity,
        total_budget,
        total_revenue,
        total_revenue - total_budget as total_profit,
        {{ quotient('total_known_budget', 'known_budget_count', 6, 38) }} as average_budget,
        {{ quotient('total_known_revenue', 'known_revenue_count', 6, 38) }} as average_revenue,
        {{ quotient('total_known_profit', 'known_profit_count', 6, 38) }} as average_profit,
        known_budget_count,
        known_revenue_count
    from (
        select
            {{ by | join(', ') }},
            release_year,
            count(*) as movie_count,
            count(popularity) as popularity_count,
            sum(popularity) as total_popularity,
            coalesce(sum(cast(budget as decimal(38, 0))), 0) as total_budget,
            coalesce(sum(cast(revenue as decimal(38, 0))), 0) as total_revenue,
            count(case when is_budget_known then 1 end) as known_budget_count,
            count(case when is_revenue_known then 1 end) as known_revenue_count,
            count(case when is_budget_known and is_revenue_known then 1 end) as known_profit_count,
            sum(case when is_budget_known then cast(budget as decimal(38, 0)) end)
                as total_known_budget,
            sum(case when is_revenue_known then cast(revenue as decimal(38, 0)) end)
                as total_known_revenue,
            sum(
                case
                    when is_budget_known and is_revenue_known
                        then cast(revenue as decimal(38, 0)) - cast(budget as decimal(38, 0))
                end
            ) as total_known_profit
        from {{ releases }}
        group by {{ by | join(', ') }}, release_year
    ) as summed
{%- endmacro %}
