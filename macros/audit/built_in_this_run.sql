{% macro built_in_this_run(models) -%}
    {%- if not execute or flags.WHICH != 'build' -%}{%- do return(false) -%}{%- endif -%}
    {%- for model in models -%}
        {%- if 'model.' ~ project_name ~ '.' ~ model not in selected_resources -%}
            {%- do return(false) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- do return(true) -%}
{%- endmacro %}
