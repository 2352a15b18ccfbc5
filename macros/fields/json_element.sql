{% macro json_element(column, position) -%}
    {{- return(adapter.dispatch('json_element')(column, position)) -}}
{%- endmacro %}

{% macro duckdb__json_element(column, position) -%}
    cast(json_extract({{ column }}, {{ position }} - 1) as varchar)
{%- endmacro %}
