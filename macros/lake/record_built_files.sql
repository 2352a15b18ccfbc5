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
        {%- set added -%}
            select source_file, landed_as, {{ values }}, {{ literal(model.unique_id) }}
            from {{ lake_table('ledger') }}
            where
                landed_file is not null
                and redelivery_of is null
                and source_name = {{ literal(table[0]) }}
                and table_name = {{ literal(table[1]) }}
                {%- if is_incremental() %}
                and source_file not in (
                    select source_file from {{ lake_table('built') }}
                    where model = {{ literal(model.unique_id) }}
                )
                {%- endif %}
        {%- endset -%}
        {{ write_built_files(values, added, is_incremental()) }}
    {%- endif -%}
{%- endmacro %}


{% macro write_built_files(values, added, keep) -%}
    {{- return(adapter.dispatch('write_built_files')(values, added, keep)) -}}
{%- endmacro %}

{#- In the model's own transaction. -#}
{% macro default__write_built_files(values, added, keep) -%}
    {%- do run_query(
        'delete from ' ~ lake_table('built') ~ ' where model = ' ~ literal(model.unique_id)
        ~ (" and source_file = ''" if keep else '')
    ) -%}
    insert into {{ lake_table('built') }} (
        source_file, landed_file, lake, fingerprint, in_full, build_id, model
    )
    select '', '', {{ values }}, {{ literal(model.unique_id) }}
    union all
    {{ added }}
{%- endmacro %}

{#- The model's partition is replaced; after that it is finished. -#}
{% macro spark__write_built_files(values, added, keep) -%}
    {%- set written -%}
        insert overwrite table {{ lake_table('built') }} partition (model)
        select '', '', {{ values }}, {{ literal(model.unique_id) }}
        union all
        {{ added }}
        {%- if keep %}
        union all
        select source_file, landed_file, lake, fingerprint, in_full, build_id, model
        from {{ lake_table('built') }}
        where source_file <> '' and model = {{ literal(model.unique_id) }}
        {%- endif %}
    {%- endset -%}
    {%- do run_query(written) -%}
    alter table {{ lake_table('unfinished') }} drop if exists
    partition (model = {{ literal(model.unique_id) }})
{%- endmacro %}
