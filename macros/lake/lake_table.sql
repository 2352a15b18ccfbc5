{% macro lake_table(name) -%}
    {%- do return(own_schema('raw_lake') ~ '.' ~ name) -%}
{%- endmacro %}
