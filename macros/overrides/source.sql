{% macro source() -%}
    {%- set relation = builtins.source(*varargs, **kwargs).include(database=false) -%}
    {%- if relation.schema -%}
        {%- set relation = relation.replace_path(schema=own_schema(relation.schema)) -%}
    {%- endif -%}
    {%- do return(relation) -%}
{%- endmacro %}
