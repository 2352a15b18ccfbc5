{% macro record_text(table) -%}
    {%- set texts = {} -%}
    {%- for column in raw_columns(table) -%}
        {%- do texts.update({column: raw_text(column)}) -%}
    {%- endfor -%}
    {{- json_record(texts) -}}
{%- endmacro %}
