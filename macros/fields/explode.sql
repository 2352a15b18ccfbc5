{% macro explode(list, element, position) -%}
    {{- return(adapter.dispatch('explode')(list, element, position)) -}}
{%- endmacro %}

{% macro duckdb__explode(list, element, position) -%}
    unnest(coalesce({{ list }}, [null])) as {{ element }},
    generate_subscripts(coalesce({{ list }}, [null]), 1)
    + case when {{ list }} is null then null else 0 end as {{ position }}
{%- endmacro %}

{% macro spark__explode(list, element, position) -%}
    inline(coalesce(
        transform({{ list }}, (one, place) -> struct(one, place + 1)), array(null)
    )) as ({{ element }}, {{ position }})
{%- endmacro %}
