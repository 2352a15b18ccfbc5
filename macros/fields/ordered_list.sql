{% macro ordered_list(value, position) -%}
    {{- return(adapter.dispatch('ordered_list')(value, position)) -}}
{%- endmacro %}

{% macro duckdb__ordered_list(value, position) -%}
    coalesce(list({{ value }} order by {{ position }}) filter (where {{ value }} is not null), [])
{%- endmacro %}

{% macro spark__ordered_list(value, position) -%}
    transform(
        array_sort(
            collect_list(named_struct('position', {{ position }}, 'value', {{ value }}))
                filter (where {{ value }} is not null)
        ),
        listed -> listed.value
    )
{%- endmacro %}
