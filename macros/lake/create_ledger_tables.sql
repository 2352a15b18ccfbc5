{% macro create_ledger_tables(lake) -%}
    {%- do return(adapter.dispatch('create_ledger_tables')(lake)) -%}
{%- endmacro %}

{% macro duckdb__create_ledger_tables(lake) -%}
    {%- set columns = ledger_columns() -%}
    {%- do run_query('create schema if not exists ' ~ own_schema('raw_lake')) -%}
    {%- set ledger -%}
        create or replace table {{ lake_table('ledger') }} as
        {% if lake_has_entries(lake) -%}
        select
            {{ columns | join(', ') }},
            {{ redelivery_of() }} as redelivery_of,
            -- All files that hold the records: one that was replayed into is another than before.
            concat_ws(' ', landed_file, nullif({{ join_list('replayed_files') }}, '')) as landed_as
        from read_json(
            {{ literal(lake ~ '/_ledger/*/*/**/~entry.json') }},
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
    {#- Commands that ask about what is published find the lake by it. -#}
    {%- do run_query(
        'create or replace table ' ~ lake_table('pinned') ~ ' as select ' ~ literal(lake) ~ ' as lake'
    ) -%}
    {%- do run_query(
        'create table if not exists ' ~ lake_table('built') ~ ' (model varchar, source_file varchar,'
        ~ ' landed_file varchar, lake varchar, fingerprint varchar, in_full boolean,'
        ~ ' build_id varchar)'
    ) -%}
    {%- set rejected = run_query(
        'select rejected_file from ' ~ lake_table('ledger') ~ ' where rejected_file is not null order by all'
    ).columns[0].values() -%}
    {%- set view -%}
        create or replace view {{ lake_table('rejected') }} as
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


{#- What the models read is copied, so that every model of a build sees the same ledger. -#}
{% macro spark__create_ledger_tables(lake) -%}
    {%- do create_entries_table(lake) -%}
    {%- set columns = [] -%}
    {%- for name, type in ledger_columns().items() -%}
        {%- do columns.append(
            'cast(loaded_at as timestamp) as loaded_at' if type == 'timestamp' else name
        ) -%}
    {%- endfor -%}
    {%- do run_query('drop table if exists ' ~ lake_table('ledger')) -%}
    {%- set ledger -%}
        create table {{ lake_table('ledger') }} using parquet as
        select
            {{ columns | join(', ') }},
            {{ redelivery_of() }} as redelivery_of,
            concat_ws(' ', landed_file, nullif({{ join_list('replayed_files') }}, '')) as landed_as
        from {{ lake_table('entries') }}
    {%- endset -%}
    {%- do run_query(ledger) -%}
    {%- do run_query(
        'create table if not exists ' ~ lake_table('built') ~ ' (source_file string, landed_file string,'
        ~ ' lake string, fingerprint string, in_full boolean, build_id string, model string)'
        ~ ' using parquet partitioned by (model)'
    ) -%}
    {%- do run_query(
        'create table if not exists ' ~ lake_table('unfinished') ~ ' (build_id string, model string)'
        ~ ' using parquet partitioned by (model)'
    ) -%}
    {%- do run_query('drop table if exists ' ~ lake_table('quarantine')) -%}
    {%- do run_query(
        'create table ' ~ lake_table('quarantine') ~ ' (source_file string, file_hash string, record bigint,'
        ~ ' first_line bigint, reason_code string, message string, raw_text string,'
        ~ " raw_bytes binary) using parquet options (recursiveFileLookup 'true')"
        ~ ' location ' ~ literal(lake ~ '/_rejected')
    ) -%}
    {%- do run_query(
        'create or replace view ' ~ lake_table('rejected') ~ ' as select source_file, file_hash, record,'
        ~ ' first_line, reason_code, message, raw_text, raw_bytes'
        ~ ' from (select *, ' ~ path_in_lake() ~ ' as _file from ' ~ lake_table('quarantine') ~ ')'
        ~ ' where _file in (select rejected_file from ' ~ lake_table('ledger')
        ~ ' where rejected_file is not null)'
    ) -%}
{%- endmacro %}
