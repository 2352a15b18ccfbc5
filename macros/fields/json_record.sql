{% macro json_record(values) -%}
    {{- return(adapter.dispatch('json_record')(values)) -}}
{%- endmacro %}

{% macro duckdb__json_record(values) -%}
    cast(json_object(
        {%- for key, value in values.items() -%}
            {{ literal(key) }}, {{ value }}{{ ', ' if not loop.last }}
        {%- endfor -%}
    ) as varchar)
{%- endmacro %}

{% macro spark__json_record(values) -%}
    to_json(
        named_struct(
            {%- for key, value in values.items() -%}
                {{ literal(key) }}, {{ value }}{{ ', ' if not loop.last }}
            {%- endfor -%}
        ),
        map('ignoreNullFields', 'false')
    )
{%- endmacro %}
