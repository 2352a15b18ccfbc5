{% macro json_ids_and_names(column) -%}
    {{- return(adapter.dispatch('json_ids_and_names')(column)) -}}
{%- endmacro %}

{#- DuckDB makes nulls of what is no object and texts of everything else, so each element is looked
    at: a JSON text stands in quotes. The list of one is only there to give the elements a name. -#}
{% macro duckdb__json_ids_and_names(column) -%}
    list_transform(
        [try(from_json({{ strict_json(column) }}, '[{"id": "varchar", "name": "json"}]'))],
        lambda elements: case
            when len(list_filter(
                elements,
                lambda element: coalesce(
                    {{ cast_integer('element.id') }} is null or element.name not like '"%', true
                )
            )) = 0
                then list_transform(
                    elements,
                    lambda element: {
                        'id': {{ cast_integer('element.id') }}, 'name': element.name ->> '$'
                    }
                )
        end
    )[1]
{%- endmacro %}

{#- In a list of one for the same reason. What is in a variant says its type. -#}
{% macro spark__json_ids_and_names(column) -%}
    {%- set id -%}
        case
            when
                schema_of_variant(try_variant_get(element, '$.id', 'variant'))
                in ('BIGINT', 'STRING')
                then try_variant_get(element, '$.id', 'string')
        end
    {%- endset -%}
    {%- set name -%}
        case
            when schema_of_variant(try_variant_get(element, '$.name', 'variant')) = 'STRING'
                then try_variant_get(element, '$.name', 'string')
        end
    {%- endset -%}
    get(
        transform(
            array(try_variant_get({{ json_value(column) }}, '$', 'array<variant>')),
            elements -> case
                when forall(
                    elements,
                    element -> {{ cast_integer(id) }} is not null and {{ name }} is not null
                )
                    then transform(
                        elements,
                        element -> named_struct('id', {{ cast_integer(id) }}, 'name', {{ name }})
                    )
            end
        ),
        0
    )
{%- endmacro %}
