{% macro cast_json(column) -%}
    {{- return(adapter.dispatch('cast_json')(column)) -}}
{%- endmacro %}

{% macro duckdb__cast_json(column) -%}
    case
        when
            regexp_matches({{ column }}, '^\s*[\[{]')
            and json_valid({{ column }})
            then {{ column }}
    end
{%- endmacro %}
