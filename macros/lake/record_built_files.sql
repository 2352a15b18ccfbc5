{% macro record_built_files() -%}
    {#- After an incremental model: the files and the declaration that it now stands for. -#}
    {%- set table = built_from(model) -%}
    {%- if execute and table and not flags.EMPTY -%}
        {%- set fingerprint = model_fingerprint(model.unique_id) -%}
        {%- set in_full = 'false' if is_incremental() else 'true' -%}
        {%- set values -%}
            {{ literal(lake_folder()) }}, {{ literal(fingerprint) }}, {{ in_full }},
            {{ literal(invocation_id) }}
        {%- endset -%}
        {%- if in_full == 'true' -%}
            {%- do run_query('delete from raw_lake.built where model = ' ~ literal(model.unique_id)) -%}
        {%- else -%}
            {%- do run_query("delete from raw_lake.built where source_file = '' and model = " ~ literal(model.unique_id)) -%}
        {%- endif -%}
        insert into raw_lake.built
        select {{ literal(model.unique_id) }}, '', '', {{ values }}
        union all
        select {{ literal(model.unique_id) }}, source_file, landed_as, {{ values }}
        from raw_lake.ledger
        where
            landed_file is not null
            and redelivery_of is null
            and source_name = {{ literal(table[0]) }}
            and table_name = {{ literal(table[1]) }}
            and source_file not in (
                select source_file from raw_lake.built where model = {{ literal(model.unique_id) }}
            )
    {%- endif -%}
{%- endmacro %}
