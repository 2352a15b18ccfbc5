{% macro say_why_in_full() -%}
    {%- set why = why_in_full() -%}
    {%- if why and why != 'its first build' and not flags.FULL_REFRESH -%}
        {%- do log('full refresh of ' ~ this.identifier ~ ': ' ~ why, info=true) -%}
    {%- endif -%}
{%- endmacro %}
