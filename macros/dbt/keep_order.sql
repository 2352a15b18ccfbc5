{% macro keep_order(keep) -%}
    {{- return(adapter.dispatch('keep_order')(keep)) -}}
{%- endmacro %}

{#- Of this model's connection only: the others, and those that read meanwhile, stay as they were. -#}
{% macro duckdb__keep_order(keep) -%}
    {{ 'set session preserve_insertion_order = true' if keep
        else 'reset session preserve_insertion_order' }}
{%- endmacro %}

{#- Spark writes rows in the order in which the query gives them. -#}
{% macro spark__keep_order(keep) -%}
{%- endmacro %}
