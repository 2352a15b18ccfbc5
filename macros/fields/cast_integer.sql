{% macro cast_integer(column, type='bigint') -%}
    {{- return(adapter.dispatch('cast_integer')(column, type)) -}}
{%- endmacro %}

{#- Digits spelled as the engine spells them need no second look: the regular expression, four
    times as slow, is for the rest. -#}
{% macro duckdb__cast_integer(column, type) -%}
    case
        when cast(try_cast({{ column }} as {{ type }}) as varchar) = {{ column }}
            then try_cast({{ column }} as {{ type }})
        when regexp_full_match({{ column }}, '\s*[+-]?[0-9]+\s*')
            then try_cast(trim({{ column }}, e' \t\r\n\f\v') as {{ type }})
    end
{%- endmacro %}

{#- Spark's own cast leaves blanks out. -#}
{% macro spark__cast_integer(column, type) -%}
    case
        when {{ column }} rlike r'^[ \t\n\f\r]*[+-]?[0-9]+[ \t\n\f\r]*\z'
            then try_cast({{ column }} as {{ type }})
    end
{%- endmacro %}
