{#- Only files that hold as many records as another one of their table are read. -#}
{% macro record_sets_of_equal_size() -%}
    {%- set selects = [] -%}
    {%- for node in (graph.sources.values() if execute and not flags.EMPTY else [])
        if node.config.meta.get('raw', true) and not node.config.meta.get('key') -%}
        {%- set files = run_query(
            'select source_file from (select source_file, count(*) over (partition by landed) as'
            ~ ' equal_files from ' ~ lake_table('ledger') ~ ' where landed > 0 and redelivery_of is null'
            ~ ' and source_name = ' ~ literal(node.source_name)
            ~ ' and table_name = ' ~ literal(node.name) ~ ') as counted where equal_files > 1'
        ).columns[0].values() -%}
        {%- if files -%}
            {%- set columns = [] -%}
            {%- for column in node.columns.values() -%}
                {%- do columns.append(adapter.quote(column.name)) -%}
            {%- endfor -%}
            {%- set folder = folder_values(node) | replace('source_file', '_source_file') -%}
            {%- do selects.append(
                'select ' ~ literal(node.name) ~ ' as table_name, ' ~ folder ~ ' as folder,'
                ~ ' _source_file as source_file, ' ~ record_hash(columns) ~ ' as record_hash from '
                ~ own_schema(node.schema) ~ '.' ~ node.identifier
                ~ ' where _source_file in ' ~ literal_list(files)
            ) -%}
        {%- endif -%}
    {%- endfor -%}
    {{- selects | join('\nunion all\n') or (
        "select '' as table_name, '' as folder, '' as source_file, 0 as record_hash where false"
    ) -}}
{%- endmacro %}


{% macro record_hash(columns) -%}
    {{- return(adapter.dispatch('record_hash')(columns)) -}}
{%- endmacro %}

{% macro duckdb__record_hash(columns) -%}
    cast(hash({{ columns | join(', ') }}) as decimal(38, 0))
{%- endmacro %}

{% macro spark__record_hash(columns) -%}
    cast(xxhash64({{ columns | join(', ') }}) as decimal(38, 0))
{%- endmacro %}
