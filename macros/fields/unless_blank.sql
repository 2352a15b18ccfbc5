{% macro unless_blank(column) -%}
    case when trim({{ column }}) != '' then {{ column }} end
{%- endmacro %}
