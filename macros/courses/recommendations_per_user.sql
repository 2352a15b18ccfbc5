{% macro recommendations_per_user() -%}
    {%- set count = var('recommendations_per_user') -%}
    {%- if count is not integer or count < 1 -%}
        {%- do exceptions.raise_compiler_error(
            'the var recommendations_per_user is ' ~ tojson(count)
            ~ '; expected: a whole number, 1 or more'
        ) -%}
    {%- endif -%}
    {%- do return(count) -%}
{%- endmacro %}
