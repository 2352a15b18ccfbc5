{% macro union_of_cases(what) -%}
    {%- set leave_out = what == 'left_out_items' -%}
    {%- set parts = [] -%}
    {%- for case in var('cases_that_leave_out' if leave_out else 'cases') -%}
        {%- do parts.append('select * from ' ~ ref('int_' ~ case ~ '__' ~ what)) -%}
    {%- endfor -%}
    {#- Of a table that no case has taken up nothing is left out: what staging accepts is kept. -#}
    {%- for table in ([] if leave_out else var('staged_tables')) -%}
        {%- set name = table.split('.') -%}
        {%- set records = ref('stg_' ~ name[0] ~ '__' ~ name[1]) -%}
        {%- do parts.append(
            outcomes_per_file(name[0], name[1], records, has_key=false) if what == 'accounting'
            else rejected_records_of(name[0], name[1], records)
        ) -%}
    {%- endfor -%}
    {{- parts | join('\nunion all\n') -}}
{%- endmacro %}
