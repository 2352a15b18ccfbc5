{% macro cast_decimal(column, precision=18, scale=2, rounds=false) -%}
    {{- return(adapter.dispatch('cast_decimal')(column, precision, scale, rounds)) -}}
{%- endmacro %}


{#- DuckDB rounds a text with a power of ten once per place that the point moves, and takes no long
    ones: 9.3e-08 becomes 0.000001. So the point is moved in the text. -#}
{% macro duckdb__cast_decimal(column, precision, scale, rounds) -%}
    {%- set type = 'decimal(' ~ precision ~ ', ' ~ scale ~ ')' -%}
    case
        when regexp_full_match({{ column }}, '\s*[+-]?{{ decimal_digits(scale, rounds) }}\s*')
            then try_cast(trim({{ column }}, e' \t\r\n\f\v') as {{ type }})
        when
            regexp_full_match(
                {{ column }}, '\s*[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)[eE][+-]?[0-9]{1,2}\s*'
            )
            {%- if not rounds %}
            and {{ digits_beyond(column, scale) }} = ''
            {%- endif %}
            then
                try_cast(
                    regexp_extract({{ column }}, '^\s*([+-]?)', 1)
                    || left({{ padded_digits(column) }}, {{ places_before_point(column) }})
                    || '.'
                    || substr({{ padded_digits(column) }}, {{ places_before_point(column) }} + 1)
                    as {{ type }}
                )
    end
{%- endmacro %}


{#- Spark's own cast leaves blanks out, and rounds half up. -#}
{% macro spark__cast_decimal(column, precision, scale, rounds) -%}
    {%- set blank = '[ \\t\\n\\f\\r]*' -%}
    case
        when
            {{ column }} rlike r'^{{ blank }}[+-]?{{ decimal_digits(scale, rounds) }}{{ blank }}\z'
            or (
                {{ column }} rlike
                    r'^{{ blank }}[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)[eE][+-]?[0-9]{1,2}{{ blank }}\z'
                {%- if not rounds %}
                and {{ digits_beyond(column, scale) }} = ''
                {%- endif %}
            )
            then try_cast({{ column }} as decimal({{ precision }}, {{ scale }}))
    end
{%- endmacro %}


{#- The expression of a number without a power of ten: with decimals to be rounded, or with zeros
    only after those that there is room for. -#}
{% macro decimal_digits(scale, rounds) -%}
    {%- if rounds -%}
    ([0-9]+([.][0-9]*)?|[.][0-9]+)
    {%- elif scale == 0 -%}
    ([0-9]+([.]0*)?|[.]0+)
    {%- else -%}
    ([0-9]+([.][0-9]{0,{{ scale }}}0*)?|[.][0-9]{1,{{ scale }}}0*)
    {%- endif -%}
{%- endmacro %}


{#- The digits of a number with a power of ten, between zeros enough to move its point. -#}
{% macro padded_digits(column) -%}
    (repeat('0', 99) || replace(regexp_extract({{ column }}, '[0-9.]+', 0), '.', '') || repeat('0', 99))
{%- endmacro %}


{% macro places_before_point(column) -%}
    (
        99 + length(regexp_extract({{ column }}, '^[^0-9.]*([0-9]*)', 1))
        + try_cast(regexp_extract({{ column }}, '[eE]([+-]?[0-9]+)', 1) as integer)
    )
{%- endmacro %}


{#- Those of its digits, but for zeros, that a scale has no room for. -#}
{% macro digits_beyond(column, scale) -%}
    replace(substr({{ padded_digits(column) }}, {{ places_before_point(column) }} + 1 + {{ scale }}), '0', '')
{%- endmacro %}
