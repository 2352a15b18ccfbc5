{% macro say_why_in_full() -%}
    {%- set why = none if flags.FULL_REFRESH else why_in_full() -%}
    {%- if why and why != 'its first build' -%}
        {%- do log('full refresh of ' ~ this.identifier ~ ': ' ~ why, info=true) -%}
    {%- endif -%}
{%- endmacro %}
