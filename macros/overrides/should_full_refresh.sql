{% macro should_full_refresh() -%}
    {%- set configured = config.get('full_refresh') -%}
    {%- if configured is not none -%}{%- do return(configured) -%}{%- endif -%}
    {%- do return(flags.FULL_REFRESH or why_in_full() is not none) -%}
{%- endmacro %}
