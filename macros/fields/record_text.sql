{% macro record_text(table) -%}
    {%- if not var('keep_raw_text') -%}{%- do return('cast(null as ' ~ type_string() ~ ')') -%}{%- endif -%}
    {%- set texts = {} -%}
    {%- for column in raw_columns(table) -%}
        {%- do texts.update({column: raw_text(column)}) -%}
    {%- endfor -%}
    {{- json_record(texts) -}}
{%- endmacro %}
