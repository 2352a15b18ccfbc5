{% macro ledger_columns() -%}
    {#- What a ledger entry says that a build reads, with DuckDB's names of types. -#}
    {%- do return({
        'source_file': 'varchar',
        'source_name': 'varchar',
        'table_name': 'varchar',
        'format': 'varchar',
        'size_bytes': 'bigint',
        'file_hash': 'varchar',
        'content_hash': 'varchar',
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
    }) -%}
{%- endmacro %}
