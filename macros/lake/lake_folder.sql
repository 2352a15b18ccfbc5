{% macro lake_folder() -%}
    {%- set folder = env_var('CASEBOOK_LAKE', 'lake') -%}
    {%- do return(folder if folder.startswith('/') else flags.PROJECT_DIR ~ '/' ~ folder) -%}
{%- endmacro %}
