{% macro keep_order(keep) -%}
    {{- return(adapter.dispatch('keep_order')(keep)) -}}
{%- endmacro %}

{#- Of this model's connection only: the others, and those that read meanwhile, stay as they were. -#}
{% macro duckdb__keep_order(keep) -%}
    {{ 'set session preserve_insertion_order = true' if keep
        else 'reset session preserve_insertion_order' }}
{%- endmacro %}

{#- Others, such as Spark, write rows in the order in which the query gives them. -#}
{% macro default__keep_order(keep) -%}
{%- endmacro %}
