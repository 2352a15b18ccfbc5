{% macro create_raw_view(node) -%}
    {%- do return(adapter.dispatch('create_raw_view')(node)) -%}
{%- endmacro %}

{#-
    A file that was landed with an older declaration, and could not be landed again, may lack some
    columns. The raw file's path, its hash and the time of landing stand in the landed file's path:
    <lake>/<source>/<table>/<encoded raw path>/<64 hex digits>-<21 characters of time>.parquet
-#}
{% macro duckdb__create_raw_view(node) -%}
    {%- set files = landed_files(node.source_name, node.name) -%}
    {%- set landed = landed_columns(node) if files else {'names': [], 'differ': false} -%}
    {%- set folder = lake_folder() ~ '/' ~ node.source_name ~ '/' ~ node.name ~ '/' -%}
    {%- set path_values = node.config.meta.get('path_values', []) -%}
    {#- One request for all statements: each costs dbt some hundredths of a second. -#}
    {%- set statements -%}
        create schema if not exists {{ own_schema(node.schema) }};
        create or replace view {{ own_schema(node.schema) }}.{{ node.identifier }} as
        select
            {%- for column in node.columns.values() %}
            {{ adapter.quote(column.name) if column.name | lower in landed.names
                else 'cast(null as varchar) as ' ~ adapter.quote(column.name) }},
            {%- endfor %}
            {%- if files %}
            url_decode(
                substr(filename, {{ folder | length + 1 }}, length(filename) - {{ folder | length + 95 }})
            ) as _source_file,
            coalesce(_source_record, file_row_number + 1) as _source_record,
            substr(filename, length(filename) - 93, 64) as _file_hash,
            strptime(substr(filename, length(filename) - 28, 21), '%Y%m%dT%H%M%S%f') as _loaded_at
            {%- for name in path_values %},
            split_part(_source_file, '/', {{ loop.index + 2 }}) as {{ adapter.quote('_path_' ~ name) }}
            {%- endfor %}
        from read_parquet(
            {{ file_list(files) }},
            filename = true,
            file_row_number = true,
            union_by_name = {{ landed.differ | lower }}
        )
            {%- else %}
            cast(null as varchar) as _source_file,
            cast(null as bigint) as _source_record,
            cast(null as varchar) as _file_hash,
            cast(null as timestamp) as _loaded_at
            {%- for name in path_values %},
            cast(null as varchar) as {{ adapter.quote('_path_' ~ name) }}
            {%- endfor %}
        where false
            {%- endif %};
        {%- for column in node.columns.values() if column.description %}
        comment on column {{ own_schema(node.schema) }}.{{ node.identifier }}.
        {{- adapter.quote(column.name) }} is {{ literal(column.description | trim) }};
        {%- endfor %}
    {%- endset -%}
    {%- do run_query(statements) -%}
{%- endmacro %}


{#-
    Over a table of every landed file in the folder, which needs none to be there and gives null for
    a column that a file lacks. The ledger says which of them count.
-#}
{% macro spark__create_raw_view(node) -%}
    {%- set landed = own_schema('raw_lake') ~ '.' ~ node.source_name ~ '__' ~ node.name -%}
    {%- set folder = node.source_name ~ '/' ~ node.name ~ '/' -%}
    {%- set stored = [] -%}
    {%- set columns = [] -%}
    {%- for column in node.columns.values() -%}
        {%- do stored.append(adapter.quote(column.name) ~ ' string') -%}
        {%- set comment = ' comment ' ~ literal(column.description | trim) -%}
        {%- do columns.append(
            adapter.quote(column.name) ~ (comment if column.description else '')
        ) -%}
    {%- endfor -%}
    {%- set path_values = node.config.meta.get('path_values', []) -%}
    {%- do run_query('create schema if not exists ' ~ own_schema(node.schema)) -%}
    {%- do run_query('drop table if exists ' ~ landed) -%}
    {%- do run_query(
        'create table ' ~ landed ~ ' (' ~ stored | join(', ') ~ ', _source_record bigint)'
        ~ " using parquet options (recursiveFileLookup 'true') location "
        ~ literal(lake_folder() ~ '/' ~ folder)
    ) -%}
    {%- set view -%}
        create or replace view {{ own_schema(node.schema) }}.{{ node.identifier }} (
            {{ columns | join(', ') }},
            _source_file, _source_record, _file_hash, _loaded_at
            {%- for name in path_values %}, {{ adapter.quote('_path_' ~ name) }}{% endfor %}
        ) as
        with

        records as (
            select
                *,
                {{ path_in_lake() }} as _file,
                _metadata.row_index as _row
            from {{ landed }}
        ),

        located as (
            select
                *,
                url_decode(replace(
                    substr(_file, {{ folder | length + 1 }}, length(_file) - {{ folder | length + 95 }}),
                    '+',
                    '%2B'
                )) as _path
            from records
        )

        select
            {%- for column in node.columns.values() %}
            {{ adapter.quote(column.name) }},
            {%- endfor %}
            _path as _source_file,
            coalesce(_source_record, _row + 1) as _source_record,
            substr(_file, length(_file) - 93, 64) as _file_hash,
            cast(to_timestamp_ntz(
                substr(_file, length(_file) - 28, 21), "yyyyMMdd'T'HHmmssSSSSSS"
            ) as timestamp) as _loaded_at
            {%- for name in path_values %},
            split_part(_path, '/', {{ loop.index + 2 }}) as {{ adapter.quote('_path_' ~ name) }}
            {%- endfor %}
        from located
        where _file in (
            select explode(concat(array(landed_file), coalesce(replayed_files, array())))
            from {{ lake_table('ledger') }}
            where
                landed_file is not null
                and redelivery_of is null
                and source_name = {{ literal(node.source_name) }}
                and table_name = {{ literal(node.name) }}
        )
    {%- endset -%}
    {%- do run_query(view) -%}
{%- endmacro %}


{% macro landed_columns(node) -%}
    {#-
        The columns, in lower case, that a table's landed files have, and whether some have others
        than the rest: one file is looked at for each declaration that files were landed with.
    -#}
    {%- set looked_at = run_query(
        "select min(landed_file) from " ~ lake_table('ledger') ~ " where landed_file is not null"
        ~ " and source_name = " ~ literal(node.source_name)
        ~ " and table_name = " ~ literal(node.name) ~ " group by declaration"
        ~ " union select unnest(replayed_files) from " ~ lake_table('ledger')
        ~ " where source_name = " ~ literal(node.source_name)
        ~ " and table_name = " ~ literal(node.name)
    ).columns[0].values() -%}
    {%- set found = run_query(
        "select string_agg(distinct columns, ',') as names, count(distinct columns) > 1 as differ"
        ~ " from (select string_agg(lower(name), ',' order by lower(name)) as columns"
        ~ " from parquet_schema(" ~ file_list(looked_at) ~ ")"
        ~ " where type is not null group by file_name)"
    ).rows[0] -%}
    {%- do return({'names': found[0].split(','), 'differ': found[1]}) -%}
{%- endmacro %}
