{% macro union_of_cases(what) -%}
    {%- set parts = [] -%}
    {%- for case in var('cases') -%}
        {%- do parts.append('select * from ' ~ ref('int_' ~ case ~ '__' ~ what)) -%}
    {%- endfor -%}
    {%- for table in var('staged_tables') -%}
        {%- do parts.append(staged_accounting(table) if what == 'accounting'
            else staged_rejected_records(table)) -%}
    {%- endfor -%}
    {{- parts | join('\nunion all\n') -}}
{%- endmacro %}


{% macro staged_accounting(table) -%}
    {#- Of a table that no case has taken up: what staging accepts is kept. -#}
    {%- set name = table.split('.') %}
    select
        source_file,
        {{ literal(name[0]) }} as source_name,
        {{ literal(name[1]) }} as table_name,
        count(*) as items,
        count(rejection_reason) as rejected,
        cast(0 as bigint) as left_out,
        cast(0 as bigint) as duplicate,
        cast(0 as bigint) as superseded,
        cast(0 as bigint) as redelivered,
        count(*) - count(rejection_reason) as kept
    from {{ ref('stg_' ~ name[0] ~ '__' ~ name[1]) }}
    group by source_file
{%- endmacro %}


{% macro staged_rejected_records(table) -%}
    {%- set name = table.split('.') %}
    select
        source_file,
        source_record,
        cast(null as integer) as source_item,
        {{ literal(name[0]) }} as source_name,
        {{ literal(name[1]) }} as table_name,
        rejection_reason as reasons,
        rejected_text as raw_text
    from {{ ref('stg_' ~ name[0] ~ '__' ~ name[1]) }}
    where rejection_reason is not null
{%- endmacro %}
