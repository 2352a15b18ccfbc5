{% macro literal(text) -%}
    {%- do return(adapter.dispatch('literal')(text | string)) -%}
{%- endmacro %}

{% macro default__literal(text) -%}
    {%- do return("'" ~ text | replace("'", "''") ~ "'") -%}
{%- endmacro %}

{% macro spark__literal(text) -%}
    {%- do return("'" ~ text | replace('\\', '\\\\') | replace("'", "''") ~ "'") -%}
{%- endmacro %}
