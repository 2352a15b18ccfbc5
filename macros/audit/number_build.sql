{% macro number_build() -%}
    {#- Before a build's first node: its number, one more than any before it, whatever the clock. -#}
    {%- if execute and flags.WHICH in ('build', 'run') and not flags.EMPTY -%}
        {%- set numbers = lake_table('build_numbers') -%}
        {%- do run_query('create schema if not exists ' ~ own_schema('raw_lake')) -%}
        {%- do run_query(
            'create table if not exists ' ~ numbers ~ ' (build_number bigint, build_id '
            ~ type_string() ~ ')'
        ) -%}
        {%- do run_query(
            'insert into ' ~ numbers ~ ' select coalesce(max(build_number), 0) + 1, '
            ~ literal(invocation_id) ~ ' from ' ~ numbers
        ) -%}
        {%- do adapter.commit() -%}
    {%- endif -%}
{%- endmacro %}


{% macro build_number() -%}
    {#- SQL of the number of the build that runs; null where dbt does not build. -#}
    {%- if not execute or flags.EMPTY or flags.WHICH not in ('build', 'run') -%}
        {%- do return('cast(null as ' ~ type_bigint() ~ ')') -%}
    {%- endif -%}
    {%- set found = run_query(
        'select max(build_number) from ' ~ lake_table('build_numbers') ~ ' where build_id = '
        ~ literal(invocation_id)
    ).columns[0].values()[0] -%}
    {%- do return('cast(' ~ (found | int if found is not none else 'null') ~ ' as ' ~ type_bigint() ~ ')') -%}
{%- endmacro %}
