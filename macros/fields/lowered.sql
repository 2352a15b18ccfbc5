{% macro lowered(column) -%}
    {{- return(adapter.dispatch('lowered')(column)) -}}
{%- endmacro %}

{% macro default__lowered(column) -%}
    lower({{ column }})
{%- endmacro %}

{#- Letter by letter as in DuckDB: Spark's own `lower` makes two letters of one, and looks whether a
    sigma ends a word. -#}
{% macro spark__lowered(column) -%}
    lower(translate({{ column }}, 'İΣ', 'iσ'))
{%- endmacro %}
