{% macro cast_json(column) -%}
    {{- return(adapter.dispatch('cast_json')(column)) -}}
{%- endmacro %}

{% macro duckdb__cast_json(column) -%}
    case
        when
            regexp_matches({{ column }}, '^\s*[\[{]')
            and json_valid({{ strict_json(column) }})
            then {{ column }}
    end
{%- endmacro %}

{% macro spark__cast_json(column) -%}
    case
        when {{ column }} rlike r'^[ \t\n\f\r]*[\[{]' and {{ json_value(column) }} is not null then {{ column }}
    end
{%- endmacro %}
