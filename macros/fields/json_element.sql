{% macro json_element(column, position) -%}
    {{- return(adapter.dispatch('json_element')(column, position)) -}}
{%- endmacro %}

{% macro duckdb__json_element(column, position) -%}
    cast(json_extract({{ column }}, {{ position }} - 1) as varchar)
{%- endmacro %}

{#-
    Spark writes a JSON object again as Jackson does, numbers by way of doubles. Each number is made a
    text on the way, so that it keeps its spelling. A text or null comes out of JSON without its
    quotes, so those are written from the value.
-#}
{% macro spark__json_element(column, position) -%}
    {%- set value -%}
        get(try_variant_get({{ json_value(column) }}, '$', 'array<variant>'), {{ position }} - 1)
    {%- endset -%}
    {%- set token = 'r\'([^"0-9-]*+)(?:("[^"\\\\]*+(?:\\\\.[^"\\\\]*+)*+")|(-?[0-9][0-9.eE+-]*+))\'' -%}
    coalesce(
        case
            when schema_of_variant({{ value }}) != 'STRING'
                then
                    regexp_replace(
                        get_json_object(
                            replace(
                                regexp_replace({{ column }}, {{ token }}, '$1$2"\ue000$3\ue000"'),
                                '"\ue000\ue000"',
                                ''
                            ),
                            concat('$[', {{ position }} - 1, ']')
                        ),
                        '"?\ue000"?',
                        ''
                    )
        end,
        to_json({{ value }})
    )
{%- endmacro %}
