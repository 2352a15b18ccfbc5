{% macro week_number(column) -%}
    {{- return(adapter.dispatch('week_number')(column)) -}}
{%- endmacro %}

{#- Days since the year began, and those left until the week's Sunday, in whole weeks. -#}
{% macro default__week_number(column) -%}
    cast(
        floor((extract(doy from {{ column }}) + 7 - extract(isodow from {{ column }})) / 7.0) as integer
    )
{%- endmacro %}

{#- Spark has another name for the day of the week. -#}
{% macro spark__week_number(column) -%}
    cast((dayofyear({{ column }}) + 6 - weekday({{ column }})) div 7 as integer)
{%- endmacro %}
