{% macro week_number(column) -%}
    {{- return(adapter.dispatch('week_number')(column)) -}}
{%- endmacro %}

{% macro duckdb__week_number(column) -%}
    cast(strftime({{ column }}, '%W') as integer)
{%- endmacro %}
