{% macro greatest_few(value, count) -%}
    {{- return(adapter.dispatch('greatest_few')(value, count)) -}}
{%- endmacro %}

{#- Keeps no more of a group in memory than it returns. -#}
{% macro duckdb__greatest_few(value, count) -%}
    max({{ value }}, {{ count }})
{%- endmacro %}

{% macro default__greatest_few(value, count) -%}
    slice(sort_array(collect_list({{ value }}), false), 1, {{ count }})
{%- endmacro %}
