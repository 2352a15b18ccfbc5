{% macro record_build() -%}
    {#- After a build's last node: its row in audit.builds. -#}
    {%- if execute and flags.WHICH in ('build', 'run') and not flags.EMPTY -%}
        {%- set builds = graph.nodes['model.' ~ project_name ~ '.builds'] -%}
        {%- do create_builds_table(builds) -%}
        {%- set counts = {'models': 0, 'passed': 0, 'warned': 0, 'failed': 0} -%}
        {%- for result in results -%}
            {%- if result.node.resource_type in ('test', 'unit_test') -%}
                {%- set outcome = {'pass': 'passed', 'warn': 'warned'}.get(
                    result.status | string, 'failed'
                ) -%}
                {%- do counts.update({outcome: counts[outcome] + 1}) -%}
            {%- elif result.status == 'success' -%}
                {%- do counts.update({'models': counts['models'] + 1}) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- set seconds = (
            modules.datetime.datetime.now(modules.pytz.utc) - run_started_at
        ).total_seconds() -%}
        {%- set version = (
            run_query('select version()').columns[0].values()[0].split(' ')[0]
        ) -%}
        insert into {{ builds.schema }}.{{ builds.alias }}
        select
            {{ literal(invocation_id) }},
            nullif({{ literal(dbt_metadata_envs.get('CASEBOOK_GIT_REVISION', '')) }}, ''),
            {{ literal(target.type) }},
            {{ literal('dbt ' ~ dbt_version ~ ', ' ~ target.type ~ ' ' ~ version) }},
            cast({{ literal(run_started_at.strftime('%Y-%m-%d %H:%M:%S.%f')) }} as timestamp),
            cast({{ '%.3f' % seconds }} as decimal(12, 3)),
            {{ literal(tojson(rows_per_mart())) }},
            {{ counts.models }},
            {{ counts.passed }},
            {{ counts.warned }},
            {{ counts.failed }},
            {{ build_number() }}
        {#- What was asked for above has begun a transaction, which nobody else ends. -#}
        {%- do adapter.commit() -%}
    {%- endif -%}
{%- endmacro %}


{% macro create_builds_table(node) -%}
    {#- A build of some models only may come before the model `builds` was ever built. -#}
    {%- set columns = [] -%}
    {%- for column in node.columns.values() -%}
        {%- do columns.append(column.name ~ ' ' ~ engine_type(column.data_type)) -%}
    {%- endfor -%}
    {%- do run_query('create schema if not exists ' ~ node.schema) -%}
    {%- do run_query(
        'create table if not exists ' ~ node.schema ~ '.' ~ node.alias
        ~ ' (' ~ columns | join(', ') ~ ')'
    ) -%}
    {#- And an older one lacks the newer columns, which are the last. -#}
    {#- The adapter's own way to ask begins a transaction, which nothing after it would commit. -#}
    {%- set there = run_query(
        'select * from ' ~ node.schema ~ '.' ~ node.alias ~ ' limit 0'
    ).columns | length -%}
    {%- for column in columns[there:] -%}
        {%- do run_query('alter table ' ~ node.schema ~ '.' ~ node.alias ~ ' add column ' ~ column) -%}
    {%- endfor -%}
{%- endmacro %}


{% macro rows_per_mart() -%}
    {%- set rows = {} -%}
    {%- set counts = [] -%}
    {%- for node in graph.nodes.values()
        if node.resource_type == 'model' and node.access == 'public' and node.name != 'builds'
        and node.config.materialized != 'table_function' -%}
        {%- set relation = api.Relation.create(
            database=node.database, schema=node.schema, identifier=node.alias
        ) -%}
        {%- if load_relation(relation) -%}
            {%- do counts.append(
                'select ' ~ literal(node.schema ~ '.' ~ node.alias) ~ ', count(*) from '
                ~ relation.include(database=false)
            ) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if counts -%}
        {%- for row in run_query(counts | join(' union all ') ~ ' order by 1').rows -%}
            {%- do rows.update({row[0]: row[1] | int}) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- do return(rows) -%}
{%- endmacro %}
