{% macro recommendation_scope(language) -%}
    {%- set scope = var('recommendation_scope') -%}
    {%- if scope not in ['all', 'same_language'] -%}
        {%- do exceptions.raise_compiler_error(
            'the var recommendation_scope is ' ~ tojson(scope)
            ~ '; expected: all or same_language'
        ) -%}
    {%- endif -%}
    {%- do return(language if scope == 'same_language' else "'all'") -%}
{%- endmacro %}
