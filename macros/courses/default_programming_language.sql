{% macro default_programming_language() -%}
    {%- set language = var('default_programming_language') -%}
    {%- if language is not string or not language.strip(' ') -%}
        {%- do exceptions.raise_compiler_error(
            'the var default_programming_language is ' ~ tojson(language)
            ~ '; expected: the name of a language, such as r'
        ) -%}
    {%- endif -%}
    {%- do return(language.strip(' ') | lower) -%}
{%- endmacro %}
