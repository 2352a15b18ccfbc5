{% macro union_of_cases(what) -%}
    {%- set parts = [] -%}
    {%- for case in var('cases') -%}
        {%- do parts.append('select * from ' ~ ref('int_' ~ case ~ '__' ~ what)) -%}
    {%- endfor -%}
    {%- for table in var('staged_tables') -%}
        {%- set name = table.split('.') -%}
        {%- set records = ref('stg_' ~ name[0] ~ '__' ~ name[1]) -%}
        {#- Of a table that no case has taken up: what staging accepts is kept. -#}
        {%- do parts.append(
            outcomes_per_file(name[0], name[1], records, has_key=false) if what == 'accounting'
            else rejected_records_of(name[0], name[1], records)
        ) -%}
    {%- endfor -%}
    {{- parts | join('\nunion all\n') -}}
{%- endmacro %}
