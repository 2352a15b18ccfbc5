{#- Rounded in integers throughout: a double's last digit depends on the engine. -#}
{% macro quotient(dividend, divisor, scale, precision=18) -%}
    {{- return(adapter.dispatch('quotient')(dividend, divisor, scale, precision)) -}}
{%- endmacro %}

{#- Of an amount without its sign, as integer division cuts off on both sides of zero. -#}
{% macro duckdb__quotient(dividend, divisor, scale, precision=18) -%}
    {%- set amount = 'cast(' ~ dividend ~ ' as hugeint)' -%}
    {%- set parts = 'cast(' ~ divisor ~ ' as hugeint)' -%}
    cast(
        cast(
            sign({{ amount }})
            * (
                (2 * abs({{ amount }}) * {{ 10 ** scale }} + {{ parts }})
                // (2 * nullif({{ parts }}, 0))
            ) as decimal(32, 0)
        ) * cast('{{ '0.' ~ '0' * (scale - 1) ~ '1' }}' as decimal({{ scale }}, {{ scale }}))
        as decimal({{ precision }}, {{ scale }})
    )
{%- endmacro %}

{#- Exact decimals: 18 digits of a quotient, 20 of a bigint, and what they are multiplied by. -#}
{% macro spark__quotient(dividend, divisor, scale) -%}
    cast(
        cast(
            (
                cast({{ dividend }} as decimal(20, 0)) * cast({{ 2 * 10 ** scale }} as decimal({{ scale + 1 }}, 0))
                + {{ divisor }}
            ) div (2 * cast(nullif({{ divisor }}, 0) as decimal(20, 0))) as decimal(20, 0)
        ) * cast('{{ '0.' ~ '0' * (scale - 1) ~ '1' }}' as decimal({{ scale }}, {{ scale }}))
        as decimal(18, {{ scale }})
    )
{%- endmacro %}
