{% macro json_ids_and_names(column) -%}
    {{- return(adapter.dispatch('json_ids_and_names')(column)) -}}
{%- endmacro %}

{#- DuckDB makes nulls of what is no object and texts of everything else, so each element is looked
    at: a JSON text stands in quotes. The list of one is only there to give the elements a name. -#}
{% macro duckdb__json_ids_and_names(column) -%}
    list_transform(
        [try(from_json({{ column }}, '[{"id": "varchar", "name": "json"}]'))],
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
