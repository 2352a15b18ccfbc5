{#-
    dbt-spark has no `delete+insert`: without a table format such as Delta, Spark deletes no rows. Here
    it is made of what Spark has: partitions are replaced.
-#}
{% macro dbt_spark_validate_get_incremental_strategy(raw_strategy, file_format) -%}
    {%- if raw_strategy not in ('append', 'delete+insert') -%}
        {%- do exceptions.raise_compiler_error(
            'incremental_strategy ' ~ raw_strategy ~ ' is not one that every engine has'
            ~ '.\nFix: use append or delete+insert'
        ) -%}
    {%- endif -%}
    {%- do return(raw_strategy) -%}
{%- endmacro %}


{% macro dbt_spark_get_incremental_sql(
    strategy, source, target, existing, unique_key, incremental_predicates
) -%}
    {%- if strategy == 'append' -%}
        {{ get_insert_into_sql(source, target) }}
        where {{ not_null_condition() }}
    {%- elif partition_column() -%}
        {{ replace_in_partitions(source, target, unique_key, partition_column()) }}
    {%- else -%}
        {{ replace_in_table(source, target, unique_key) }}
    {%- endif -%}
{%- endmacro %}


{% macro partition_column() -%}
    {#- The column by whose values a table is stored where its engine does that, or none. -#}
    {%- do return(config.get('meta', {}).get('partition_column')) -%}
{%- endmacro %}


{#- dbt-spark's clause `partitioned by`. -#}
{% macro spark__partition_cols(label, required=false) -%}
    {{ label ~ ' (' ~ partition_column() ~ ')' if partition_column() }}
{%- endmacro %}


{#-
    Rows of one partition are written together: each task would write a file into each partition
    that it has rows for. Rows in an order are that already.
-#}
{% macro partition_hint() -%}
    {%- if partition_column() and not config.get('meta').get('keeps_order') -%}
        /*+ rebalance({{ partition_column() }}) */
    {%- endif -%}
{%- endmacro %}


{% macro columns_of(relation) -%}
    {%- do return(adapter.get_columns_in_relation(relation) | map(attribute='quoted') | join(', ')) -%}
{%- endmacro %}


{% macro replaced_rows(source, target, unique_key, condition='true') -%}
    {#- The table's rows that stay, next to those that replace the others. -#}
    select {{ columns_of(target) }} from {{ source }}
    where {{ not_null_condition() }}
    union all
    select {{ columns_of(target) }} from {{ target }} as old
    left anti join {{ source }} as new on old.{{ unique_key }} = new.{{ unique_key }}
    where {{ condition }}
{%- endmacro %}


{#- A small table: written anew, and put in the old one's place. -#}
{% macro replace_in_table(source, target, unique_key) -%}
    {%- set anew = target.incorporate(path={'identifier': target.identifier ~ '__anew'}) -%}
    {%- do run_query('drop table if exists ' ~ anew) -%}
    {%- do run_query(
        'create table ' ~ anew ~ ' using parquet as ' ~ replaced_rows(source, target, unique_key)
    ) -%}
    {%- do run_query('drop table ' ~ target) -%}
    alter table {{ anew }} rename to {{ target }}
{%- endmacro %}


{#-
    Only partitions that hold a new or a replaced row are written. One that ends up empty is dropped:
    a dynamic overwrite leaves partitions alone that it has no rows for.
-#}
{% macro replace_in_partitions(source, target, unique_key, partition) -%}
    {%- set query -%}
        select cast({{ partition }} as string) as partition_value, bool_or(stays) as has_rows
        from (
            select {{ partition }}, true as is_touched, true as stays from {{ source }}
            union all
            select
                old.{{ partition }},
                new.{{ unique_key }} is not null as is_touched,
                new.{{ unique_key }} is null as stays
            from {{ target }} as old
            left join {{ source }} as new on old.{{ unique_key }} = new.{{ unique_key }}
        )
        group by {{ partition }}
        having bool_or(is_touched)
    {%- endset -%}
    {%- set written = [] -%}
    {%- for row in run_query(query).rows -%}
        {%- if row['has_rows'] -%}
            {%- do written.append(row['partition_value']) -%}
        {%- else -%}
            {%- do run_query(
                'alter table ' ~ target ~ ' drop partition (' ~ partition ~ ' = '
                ~ literal(row['partition_value']) ~ ')'
            ) -%}
        {%- endif -%}
    {%- endfor %}
    insert overwrite table {{ target }} partition ({{ partition }})
    select {{ partition_hint() }} {{ columns_of(target) }}
    from (
        {{ replaced_rows(source, target, unique_key, partition ~ ' in ' ~ literal_list(written)) }}
    )
{%- endmacro %}
