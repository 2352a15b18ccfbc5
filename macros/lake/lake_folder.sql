{% macro lake_folder() -%}
    {%- set folder = env_var('CASEBOOK_LAKE', 'lake') -%}
    {%- if '://' in folder -%}{%- do return(folder) -%}{%- endif -%}
    {%- set project = invocation_args_dict.get('project_dir') or '.' -%}
    {%- if not folder.startswith('/') -%}{%- set folder = project ~ '/' ~ folder -%}{%- endif -%}
    {%- do return(folder if folder.startswith('/') else env_var('PWD') ~ '/' ~ folder) -%}
{%- endmacro %}
