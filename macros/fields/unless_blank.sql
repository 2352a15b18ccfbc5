{% macro unless_blank(column) -%}
    case when {{ trimmed(column) }} != '' then {{ column }} end
{%- endmacro %}
