{% macro cast_boolean(column) -%}
    {{- return(adapter.dispatch('cast_boolean')(column)) -}}
{%- endmacro %}

{% macro duckdb__cast_boolean(column) -%}
    case
        when regexp_full_match({{ column }}, '(?i)\s*(true|t|yes|y|1)\s*') then true
        when regexp_full_match({{ column }}, '(?i)\s*(false|f|no|n|0)\s*') then false
    end
{%- endmacro %}

{% macro spark__cast_boolean(column) -%}
    case
        when {{ column }} rlike r'^(?i)[ \t\n\f\r]*(true|t|yes|y|1)[ \t\n\f\r]*\z' then true
        when {{ column }} rlike r'^(?i)[ \t\n\f\r]*(false|f|no|n|0)[ \t\n\f\r]*\z' then false
    end
{%- endmacro %}
