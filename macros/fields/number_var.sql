{% macro number_var(name, least, whole=true) -%}
    {%- set value = var(name) -%}
    {%- if value is boolean or value is not number or value < least or (whole and value is float) -%}
        {%- do exceptions.raise_compiler_error(
            'the var ' ~ name ~ ' is ' ~ tojson(value) ~ '; expected: a ' ~ ('whole ' if whole else '')
            ~ 'number, ' ~ least ~ ' or more'
        ) -%}
    {%- endif -%}
    {%- do return(value) -%}
{%- endmacro %}
