{% macro json_list_size(column) -%}
    {{- return(adapter.dispatch('json_list_size')(column)) -}}
{%- endmacro %}

{% macro duckdb__json_list_size(column) -%}
    case
        when {{ cast_json(column) }} is not null and json_type({{ column }}) = 'ARRAY'
            then cast(json_array_length({{ column }}) as bigint)
    end
{%- endmacro %}

{% macro spark__json_list_size(column) -%}
    cast(array_size(try_variant_get({{ json_value(column) }}, '$', 'array<variant>')) as bigint)
{%- endmacro %}
