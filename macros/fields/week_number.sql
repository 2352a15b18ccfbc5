{% macro week_number(column) -%}
    {{- return(adapter.dispatch('week_number')(column)) -}}
{%- endmacro %}

{% macro duckdb__week_number(column) -%}
    cast(strftime({{ column }}, '%W') as integer)
{%- endmacro %}

{#- Days since the year began, and those left until the week's Sunday, in whole weeks. -#}
{% macro spark__week_number(column) -%}
    cast((dayofyear({{ column }}) + 6 - weekday({{ column }})) div 7 as integer)
{%- endmacro %}
