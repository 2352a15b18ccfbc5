{#- A select of a raw table's rejected records, for a case's `…__rejected_records`. -#}
{% macro rejected_records_of(source_name, table_name, records, item='cast(null as integer)') -%}
    select
        source_file,
        source_record,
        {{ item }} as source_item,
        {{ literal(source_name) }} as source_name,
        {{ literal(table_name) }} as table_name,
        rejection_reason as reasons,
        rejected_text as raw_text
    from {{ records }}
    where rejection_reason is not null
{%- endmacro %}
