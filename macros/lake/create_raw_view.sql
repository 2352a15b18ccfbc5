{% macro create_raw_view(node, files) -%}
    {%- do return(adapter.dispatch('create_raw_view')(node, files)) -%}
{%- endmacro %}

{#-
    The raw file's path, its hash and the time of landing stand in the landed file's path:
    <lake>/<source>/<table>/<encoded raw path>/<64 hex digits>-<21 characters of time>.parquet
-#}
{% macro duckdb__create_raw_view(node, files) -%}
    {%- set folder = lake_folder() ~ '/' ~ node.source_name ~ '/' ~ node.name ~ '/' -%}
    {%- do run_query('create schema if not exists ' ~ node.schema) -%}
    {%- set view -%}
        create or replace view {{ node.schema }}.{{ node.identifier }} as
        select
            {%- for column in node.columns.values() %}
            {{ adapter.quote(column.name) if files else 'cast(null as varchar) as '
                ~ adapter.quote(column.name) }},
            {%- endfor %}
            {%- if files %}
            url_decode(
                substr(filename, {{ folder | length + 1 }}, length(filename) - {{ folder | length + 95 }})
            ) as _source_file,
            coalesce(_source_record, file_row_number + 1) as _source_record,
            substr(filename, length(filename) - 93, 64) as _file_hash,
            strptime(substr(filename, length(filename) - 28, 21), '%Y%m%dT%H%M%S%f') as _loaded_at
        from read_parquet({{ file_list(files) }}, filename = true, file_row_number = true)
            {%- else %}
            cast(null as varchar) as _source_file,
            cast(null as bigint) as _source_record,
            cast(null as varchar) as _file_hash,
            cast(null as timestamp) as _loaded_at
        where false
            {%- endif %}
    {%- endset -%}
    {%- do run_query(view) -%}
    {%- for column in node.columns.values() if column.description -%}
        {%- do run_query('comment on column ' ~ node.schema ~ '.' ~ node.identifier ~ '.'
            ~ adapter.quote(column.name) ~ ' is ' ~ literal(column.description | trim)) -%}
    {%- endfor -%}
{%- endmacro %}
