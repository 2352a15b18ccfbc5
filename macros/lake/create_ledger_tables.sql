{% macro create_ledger_tables(lake) -%}
    {%- do return(adapter.dispatch('create_ledger_tables')(lake)) -%}
{%- endmacro %}

{% macro duckdb__create_ledger_tables(lake) -%}
    {%- set columns = {
        'source_file': 'varchar',
        'source_name': 'varchar',
        'table_name': 'varchar',
        'format': 'varchar',
        'size_bytes': 'bigint',
        'file_hash': 'varchar',
        'declaration': 'varchar',
        'state': 'varchar',
        'loaded_at': 'timestamp',
        'records': 'bigint',
        'landed': 'bigint',
        'quarantined': 'bigint',
        'columns_ignored': 'varchar[]',
        'landed_file': 'varchar',
        'rejected_file': 'varchar',
        'refusal': 'varchar',
        'replayed_files': 'varchar[]',
    } -%}
    {%- do run_query('create schema if not exists raw_lake') -%}
    {%- set ledger -%}
        create or replace table raw_lake.ledger as
        {% if lake_has_entries(lake) -%}
        select
            {{ columns | join(', ') }},
            {{ redelivery_of() }} as redelivery_of,
            -- All files that hold the records: one that was replayed into is another than before.
            concat_ws(' ', landed_file, nullif({{ join_list('replayed_files') }}, '')) as landed_as
        from read_json(
            {{ literal(lake ~ '/_ledger/*/*/**/_entry.json') }},
            format = 'unstructured',
            columns = {{ tojson(columns) | replace('"', "'") }}
        )
        {%- else -%}
        select
            {%- for name, type in columns.items() %}
            cast(null as {{ type }}) as {{ name }},
            {%- endfor %}
            cast(null as varchar) as redelivery_of,
            cast(null as varchar) as landed_as
        where false
        {%- endif %}
    {%- endset -%}
    {%- do run_query(ledger) -%}
    {%- do run_query(
        'create table if not exists raw_lake.built (model varchar, source_file varchar,'
        ~ ' landed_file varchar, lake varchar, fingerprint varchar, in_full boolean,'
        ~ ' build_id varchar)'
    ) -%}
    {%- set rejected = run_query(
        'select rejected_file from raw_lake.ledger where rejected_file is not null order by all'
    ).columns[0].values() -%}
    {%- set view -%}
        create or replace view raw_lake.rejected as
        {% if rejected -%}
        select * from read_parquet({{ file_list(rejected) }})
        {%- else -%}
        select
            cast(null as varchar) as source_file,
            cast(null as varchar) as file_hash,
            cast(null as bigint) as record,
            cast(null as bigint) as first_line,
            cast(null as varchar) as reason_code,
            cast(null as varchar) as message,
            cast(null as varchar) as raw_text,
            cast(null as blob) as raw_bytes
        where false
        {%- endif %}
    {%- endset -%}
    {%- do run_query(view) -%}
{%- endmacro %}
