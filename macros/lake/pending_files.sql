{% macro pending_files() -%}
    {#- A parenthesised list of the pinned raw files that this model was not built over yet. -#}
    {%- if not execute -%}{%- do return("('')") -%}{%- endif -%}
    {%- set table = built_from(model) -%}
    {%- set pending = run_query(
        "select source_file from " ~ lake_table('ledger') ~ " where landed_file is not null"
        ~ " and redelivery_of is null"
        ~ " and source_name = " ~ literal(table[0]) ~ " and table_name = " ~ literal(table[1])
        ~ " and source_file not in (select source_file from " ~ lake_table('built')
        ~ " where model = " ~ literal(model.unique_id) ~ ") order by source_file"
    ).columns[0].values() -%}
    {%- do return(literal_list(pending)) -%}
{%- endmacro %}
