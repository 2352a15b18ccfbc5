{% macro cast_decimal(column, precision=18, scale=2) -%}
    {{- return(adapter.dispatch('cast_decimal')(column, precision, scale)) -}}
{%- endmacro %}

{% macro duckdb__cast_decimal(column, precision, scale) -%}
    case
        when
            regexp_full_match(
                {{ column }},
                '\s*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,2})?\s*'
            )
            then try_cast(trim({{ column }}, e' \t\r\n\f\v') as decimal({{ precision }}, {{ scale }}))
    end
{%- endmacro %}

{#- Spark's own cast leaves blanks out, and rounds half up. -#}
{% macro spark__cast_decimal(column, precision, scale) -%}
    case
        when
            {{ column }} rlike
                r'^\s*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,2})?\s*\z'
            then try_cast({{ column }} as decimal({{ precision }}, {{ scale }}))
    end
{%- endmacro %}
