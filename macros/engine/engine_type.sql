{% macro engine_type(type) -%}
    {{- return(adapter.dispatch('engine_type')(type)) -}}
{%- endmacro %}

{% macro default__engine_type(type) -%}
    {{- return(type) -}}
{%- endmacro %}

{% macro spark__engine_type(type) -%}
    {%- set type = type | trim | lower -%}
    {%- if type.endswith('[]') -%}
        {%- do return('array<' ~ engine_type(type[:-2]) ~ '>') -%}
    {%- endif -%}
    {%- do return({'varchar': 'string'}.get(type, type)) -%}
{%- endmacro %}
