{% macro file_list(files) -%}
    {%- set paths = [] -%}
    {%- for file in files -%}
        {%- do paths.append(literal(lake_folder() ~ '/' ~ file)) -%}
    {%- endfor -%}
    {%- do return('[' ~ paths | join(', ') ~ ']') -%}
{%- endmacro %}
