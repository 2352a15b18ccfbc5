{#- In values of unit tests: a backslash stands for itself, as in DuckDB. -#}
{% macro spark__escape_single_quotes(expression) -%}
    {{- expression | replace('\\', '\\\\') | replace("'", "''") -}}
{%- endmacro %}
