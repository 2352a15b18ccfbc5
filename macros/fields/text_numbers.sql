{% macro text_numbers(column, key) -%}
    {{- return(adapter.dispatch('text_numbers')(column, key)) -}}
{%- endmacro %}

{#- A quote within a text has a backslash before it, so a key that stands in a text is no match. -#}
{% macro duckdb__text_numbers(column, key) -%}
    regexp_replace(
        {{ column }}, '("{{ key }}"\s*:\s*)(-?[0-9]+[.][0-9]+)(\s*[,}])', '\1"\2"\3', 'g'
    )
{%- endmacro %}

{% macro spark__text_numbers(column, key) -%}
    regexp_replace(
        {{ column }}, r'("{{ key }}"\s*:\s*)(-?[0-9]+[.][0-9]+)(\s*[,}])', '$1"$2"$3'
    )
{%- endmacro %}
