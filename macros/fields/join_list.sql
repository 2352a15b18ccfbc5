{% macro join_list(column) -%}
    {{- return(adapter.dispatch('join_list')(column)) -}}
{%- endmacro %}

{% macro duckdb__join_list(column) -%}
    array_to_string({{ column }}, ', ')
{%- endmacro %}

{% macro spark__join_list(column) -%}
    array_join({{ column }}, ', ')
{%- endmacro %}
