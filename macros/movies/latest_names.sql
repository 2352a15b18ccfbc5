{#-
    The CTEs `by_release` and `latest` over a CTE of listed genres or companies. `latest` holds, for
    each id, the place that names it: in the most recent release, of several that day the one with
    the greatest movie id, of several in its list the last. Releases without a date come last.
-#}
{% macro latest_names(listed, id) -%}
by_release as (
    select
        *,
        row_number() over (
            partition by {{ id }}
            order by release_on desc nulls last, movie_id desc, list_position desc
        ) as place
    from {{ listed }}
),

latest as (
    select * from by_release
    where place = 1
)
{%- endmacro %}
