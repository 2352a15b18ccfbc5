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
