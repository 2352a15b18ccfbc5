{% macro json_structs(column, fields) -%}
    {{- return(adapter.dispatch('json_structs')(column, fields)) -}}
{%- endmacro %}

{#- One pass over the text, however many fields are asked for. -#}
{% macro duckdb__json_structs(column, fields) -%}
    try(from_json({{ strict_json(column) }}, {{ literal(tojson([fields])) }}))
{%- endmacro %}

{% macro spark__json_structs(column, fields) -%}
    transform(
        try_variant_get({{ json_value(column) }}, '$', 'array<variant>'),
        element -> {{ struct_of_variant('element', '$', fields) }}
    )
{%- endmacro %}
