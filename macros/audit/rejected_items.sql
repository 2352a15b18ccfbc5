{% macro rejected_items() -%}
    {%- set parts = [] -%}
    {%- for table in audited_tables() -%}
        {%- set part -%}
            select
                source_file,
                source_record,
                {{ table.item }} as source_item,
                {{ literal(table.source_name) }} as source_name,
                {{ literal(table.table_name) }} as table_name,
                rejection_reason as reasons,
                rejected_text as raw_text
            from {{ table.records }}
            where rejection_reason is not null
        {%- endset -%}
        {%- do parts.append(part) -%}
    {%- endfor -%}
    {{- parts | join('\nunion all\n') -}}
{%- endmacro %}
