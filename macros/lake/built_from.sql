{% macro built_from(node) -%}
    {#- The raw table over whose files an incremental model is built: [source, table], or none. -#}
    {%- set named = node.config.meta.get('built_from') -%}
    {%- do return(named.split('.') if named and node.config.materialized == 'incremental' else none) -%}
{%- endmacro %}
