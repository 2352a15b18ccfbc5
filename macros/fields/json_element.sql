{% macro json_element(column, position) -%}
    {{- return(adapter.dispatch('json_element')(column, position)) -}}
{%- endmacro %}

{% macro duckdb__json_element(column, position) -%}
    cast(json_extract({{ column }}, {{ position }} - 1) as varchar)
{%- endmacro %}

{#-
    Spark writes a JSON object again as Jackson does, numbers by way of doubles. Each number is made a
    text on the way, so that it keeps its spelling, but for zeros at the end of a fraction, which DuckDB
    leaves out. A text or null comes out of JSON without its quotes, so those are written from the
    value. Jackson also writes a letter beyond U+FFFF as two escapes: the object is put into quotes,
    with all backslashes doubled but theirs, and read as a JSON text.
-#}
{% macro spark__json_element(column, position) -%}
    {%- set value -%}
        get(try_variant_get({{ json_value(column) }}, '$', 'array<variant>'), {{ position }} - 1)
    {%- endset -%}
    {%- set token = 'r\'([^"0-9-]*+)(?:("[^"\\\\]*+(?:\\\\.[^"\\\\]*+)*+")|(-?[0-9][0-9.eE+-]*+))\'' -%}
    {%- set element -%}
        get_json_object(
            regexp_replace(
                replace(
                    regexp_replace({{ column }}, {{ token }}, '$1$2"\ue000$3\ue000"'),
                    '"\ue000\ue000"',
                    ''
                ),
                '"\ue000(?:-(0)|(-?[0-9]+[.][0-9]+?)0+)\ue000"',
                '"\ue000$1$2\ue000"'
            ),
            concat('$[', {{ position }} - 1, ']')
        )
    {%- endset -%}
    coalesce(
        case
            when schema_of_variant({{ value }}) != 'STRING'
                then
                    try_variant_get(
                        try_parse_json(concat(
                            '"',
                            regexp_replace(
                                replace(
                                    replace(
                                        regexp_replace({{ element }}, '"?\ue000"?', ''), r'\', r'\\'
                                    ),
                                    '"',
                                    r'\"'
                                ),
                                r'(?<!\\)((?:\\\\\\\\)*)\\\\(u[dD][89a-fA-F])',
                                r'$1\\$2'
                            ),
                            '"'
                        )),
                        '$',
                        'string'
                    )
        end,
        to_json({{ value }})
    )
{%- endmacro %}
