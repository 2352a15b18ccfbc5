{#- Contracts name their types as DuckDB does; dbt compares a model's columns with casts to them. -#}
{% macro spark__cast(field, type) -%}
    cast({{ field }} as {{ engine_type(type) }})
{%- endmacro %}
