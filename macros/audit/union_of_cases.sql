{% macro union_of_cases(what) -%}
    {%- for case in var('cases') %}
    select * from {{ ref('int_' ~ case ~ '__' ~ what) }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
{%- endmacro %}
