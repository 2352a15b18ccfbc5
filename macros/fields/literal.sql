{% macro literal(text) -%}
    {%- do return("'" ~ (text | string | replace("'", "''")) ~ "'") -%}
{%- endmacro %}
