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

{#- In decimals, as no integer is wide enough. Less its remainder, the dividend is divided without a
    rest: Spark's division of decimals would round, and its `div` gives a bigint. -#}
{% macro default__quotient(dividend, divisor, scale, precision=18) -%}
    {%- set amount = 'cast(' ~ dividend ~ ' as decimal(38, 0))' -%}
    {%- set parts = 'cast(' ~ divisor ~ ' as decimal(38, 0))' -%}
    {%- set twice -%}
        (
            cast(abs({{ amount }}) * cast({{ 2 * 10 ** scale }} as decimal({{ scale + 1 }}, 0)) as decimal(38, 0))
            + {{ parts }}
        )
    {%- endset -%}
    {%- set wholes = '(2 * nullif(' ~ parts ~ ', 0))' -%}
    cast(
        case when {{ amount }} < 0 then -1 else 1 end
        * cast(({{ twice }} - {{ twice }} % {{ wholes }}) / {{ wholes }} as decimal({{ precision }}, 0))
        * cast('{{ '0.' ~ '0' * (scale - 1) ~ '1' }}' as decimal({{ scale }}, {{ scale }}))
        as decimal({{ precision }}, {{ scale }})
    )
{%- endmacro %}
