{% macro latest_names(listed, id) -%}
    select *
    from (
        select
            *,
            row_number() over (
                partition by {{ id }}
                order by release_on desc nulls last, movie_id desc, list_position desc
            ) as place
        from {{ listed }}
    ) as by_release
    where place = 1
{%- endmacro %}
