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
    {%- elif config.get('partition_by') -%}
        {{ replace_in_partitions(source, target, unique_key, config.get('partition_by')) }}
    {%- else -%}
        {{ replace_in_table(source, target, unique_key) }}
    {%- endif -%}
{%- endmacro %}


{% macro replaced_rows(source, target, unique_key) -%}
    {#- The table's rows that stay, next to those that replace the others. -#}
    {%- set columns = adapter.get_columns_in_relation(target) | map(attribute='quoted') | join(', ') -%}
    select {{ columns }} from {{ source }}
    where {{ not_null_condition() }}
    union all
    select {{ columns }} from {{ target }}
    where {{ unique_key }} not in (select {{ unique_key }} from {{ source }})
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
    {%- do run_query('cache table ' ~ source) -%}
    {%- set touched = run_query(
        'select ' ~ partition ~ ', true as is_new from ' ~ source ~ ' group by ' ~ partition
        ~ ' union all'
        ~ ' select ' ~ partition ~ ', false as is_new from ' ~ target
        ~ ' where ' ~ unique_key ~ ' in (select ' ~ unique_key ~ ' from ' ~ source ~ ')'
        ~ ' group by ' ~ partition
    ).rows -%}
    {%- set written = [] -%}
    {%- for row in touched -%}{%- do written.append(row[0] | string) -%}{%- endfor -%}
    {%- set filled = [] -%}
    {%- for row in touched if row[1] -%}{%- do filled.append(row[0] | string) -%}{%- endfor -%}
    {%- set kept = [] -%}
    {%- for row in run_query(
        'select distinct ' ~ partition ~ ' from ' ~ target ~ ' where ' ~ partition ~ ' in '
        ~ literal_list(written) ~ ' and ' ~ unique_key ~ ' not in (select ' ~ unique_key ~ ' from '
        ~ source ~ ')'
    ).rows -%}{%- do kept.append(row[0] | string) -%}{%- endfor -%}
    {%- for value in written | unique if value not in filled and value not in kept -%}
        {%- do run_query(
            'alter table ' ~ target ~ ' drop partition (' ~ partition ~ ' = ' ~ literal(value) ~ ')'
        ) -%}
    {%- endfor -%}
    {%- set columns = adapter.get_columns_in_relation(target) | map(attribute='quoted') | join(', ') %}
    insert overwrite table {{ target }} partition ({{ partition }})
    select {{ columns }} from ({{ replaced_rows(source, target, unique_key) }})
    where {{ partition }} in {{ literal_list(written) }}
{%- endmacro %}
