{% macro cast_decimal(column, precision=18, scale=2) -%}
    {{- return(adapter.dispatch('cast_decimal')(column, precision, scale)) -}}
{%- endmacro %}

{#- DuckDB rounds a text with a power of ten once per place that the point moves, and takes no long
    ones: 9.3e-08 becomes 0.000001. So the point is moved in the text, between zeros enough. -#}
{% macro duckdb__cast_decimal(column, precision, scale) -%}
    {%- set zeros = "repeat('0', 99)" -%}
    {%- set digits -%}
        {{ zeros }} || replace(regexp_extract({{ column }}, '[0-9.]+'), '.', '') || {{ zeros }}
    {%- endset -%}
    {%- set places -%}
        99 + length(regexp_extract({{ column }}, '^[^0-9.]*([0-9]*)', 1))
        + try_cast(regexp_extract({{ column }}, '[eE]([+-]?[0-9]+)', 1) as integer)
    {%- endset -%}
    case
        when regexp_full_match({{ column }}, '\s*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)\s*')
            then
                try_cast(
                    trim({{ column }}, e' \t\r\n\f\v') as decimal({{ precision }}, {{ scale }})
                )
        when
            regexp_full_match(
                {{ column }}, '\s*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)[eE][+-]?[0-9]{1,2}\s*'
            )
            then
                try_cast(
                    regexp_extract({{ column }}, '^\s*([+-]?)', 1)
                    || left({{ digits }}, {{ places }})
                    || '.'
                    || substr({{ digits }}, {{ places }} + 1)
                    as decimal({{ precision }}, {{ scale }})
                )
    end
{%- endmacro %}

{#- Spark's own cast leaves blanks out, and rounds half up. -#}
{% macro spark__cast_decimal(column, precision, scale) -%}
    case
        when
            {{ column }} rlike
                r'^[ \t\n\f\r]*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,2})?[ \t\n\f\r]*\z'
            then try_cast({{ column }} as decimal({{ precision }}, {{ scale }}))
    end
{%- endmacro %}
