{% macro generate_schema_name(custom_schema_name, node) -%}
    {{- own_schema(custom_schema_name | trim) if custom_schema_name else target.schema -}}
{%- endmacro %}


{% macro own_schema(name) -%}
    {#- A schema of this project, as this target has it: two that share a metastore do not meet. -#}
    {%- do return(name if target.schema == 'staging' else target.schema ~ '_' ~ name) -%}
{%- endmacro %}
