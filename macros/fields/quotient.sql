{#- Rounded half up, in integers throughout: a double's last digit depends on the engine. -#}
{% macro quotient(dividend, divisor, scale) -%}
    {{- return(adapter.dispatch('quotient')(dividend, divisor, scale)) -}}
{%- endmacro %}

{% macro duckdb__quotient(dividend, divisor, scale) -%}
    cast(
        cast(
            (2 * cast({{ dividend }} as hugeint) * {{ 10 ** scale }} + {{ divisor }})
            // (2 * nullif({{ divisor }}, 0)) as decimal(32, 0)
        ) * cast('{{ '0.' ~ '0' * (scale - 1) ~ '1' }}' as decimal({{ scale }}, {{ scale }}))
        as decimal(18, {{ scale }})
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
