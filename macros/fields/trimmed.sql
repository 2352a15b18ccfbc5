{% macro trimmed(column) -%}
    {{- return(adapter.dispatch('trimmed')(column)) -}}
{%- endmacro %}

{% macro default__trimmed(column) -%}
    trim({{ column }})
{%- endmacro %}

{#- Spark's own trim knows one blank; DuckDB's knows all of them, such as that which does not break. -#}
{% macro spark__trimmed(column) -%}
    regexp_replace({{ column }}, r'^\p{Zs}+|\p{Zs}+\z', '')
{%- endmacro %}
