{% macro landed_files(source_name, table_name) -%}
    {#- The landed files that count: not those of files delivered before under another path. -#}
    {%- set found = run_query(
        "select unnest(list_prepend(landed_file, coalesce(replayed_files, []))) as file"
        ~ " from " ~ lake_table('ledger') ~ " where landed_file is not null and redelivery_of is null"
        ~ " and source_name = " ~ literal(source_name) ~ " and table_name = " ~ literal(table_name)
        ~ " order by file"
    ) -%}
    {%- do return(found.columns[0].values()) -%}
{%- endmacro %}
