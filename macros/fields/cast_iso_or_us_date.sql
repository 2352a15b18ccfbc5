{#- The parts of 10/30/1995 are put together as 1995-10-30; of more or fewer parts, nothing. -#}
{% macro cast_iso_or_us_date(column) -%}
    {%- set two_digits = [] -%}
    {%- for part in [1, 2] -%}
        {%- set digits = "split_part(" ~ column ~ ", '/', " ~ part ~ ")" -%}
        {%- do two_digits.append(
            'lpad(' ~ digits ~ ', cast(greatest(length(' ~ digits ~ "), 2) as integer), '0')"
        ) -%}
    {%- endfor -%}
    {%- set year = 'split_part(' ~ column ~ ", '/', 3)" -%}
    {%- set iso = 'concat(' ~ ([year] + two_digits) | join(", '-', ") ~ ')' -%}
    case
        when {{ column }} like '%/%/%/%' then cast(null as date)
        when {{ column }} like '%/%/%' then {{ cast_date(iso) }}
        else {{ cast_date(column) }}
    end
{%- endmacro %}
