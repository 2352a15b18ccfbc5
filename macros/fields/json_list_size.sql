{% macro json_list_size(column) -%}
    {{- return(adapter.dispatch('json_list_size')(column)) -}}
{%- endmacro %}

{% macro duckdb__json_list_size(column) -%}
    cast(json_array_length({{ column }}) as bigint)
{%- endmacro %}

{% macro spark__json_list_size(column) -%}
    cast(json_array_length({{ column }}) as bigint)
{%- endmacro %}
