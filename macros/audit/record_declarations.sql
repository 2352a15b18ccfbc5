{% macro record_declarations() -%}
    {#- After a build's last node: what models declare beside themselves, for those who read the
    published file alone. Spark's warehouse has no such readers. -#}
    {%- if execute and target.type == 'duckdb' and flags.WHICH in ('build', 'run')
        and not flags.EMPTY -%}
        {%- set keys = declared_keys() -%}
        {%- set rows = [] -%}
        {%- for node in graph.nodes.values()
            if node.resource_type in ('model', 'seed')
            and node.config.materialized != 'ephemeral' -%}
            {%- set columns = {} -%}
            {%- for column in node.columns.values() -%}
                {%- do columns.update({column.name: column.description}) -%}
            {%- endfor -%}
            {%- do rows.append('(' ~ [
                literal(node.name),
                literal(node.schema ~ '.' ~ node.alias),
                literal(node.config.materialized),
                literal(node.access or ''),
                literal(node.description),
                literal(tojson(columns)),
                literal(tojson(keys.get(node.unique_id, []))),
                literal(tojson(node.config.meta)),
            ] | join(', ') ~ ')') -%}
        {%- endfor -%}
        create or replace table {{ own_schema('audit') }}.declarations as
        select name, relation, materialized, access, description, columns, keys, meta
        from (values {{ rows | join(', ') }}) as declared (
            name, relation, materialized, access, description, columns, keys, meta
        )
        order by name
    {%- endif -%}
{%- endmacro %}


{% macro declared_keys() -%}
    {#- The keys of each model: of its error-level tests of one row per key. -#}
    {%- set keys = {} -%}
    {%- for node in graph.nodes.values()
        if node.resource_type == 'test' and node.attached_node
        and node.config.severity | lower == 'error' -%}
        {%- set test = node.test_metadata.name -%}
        {%- set known = keys.get(node.attached_node, []) -%}
        {%- if test == 'one_row_per' -%}
            {%- do keys.update({node.attached_node: known + [node.test_metadata.kwargs.key]}) -%}
        {%- elif test == 'unique' -%}
            {%- do keys.update({node.attached_node: known + [[node.column_name]]}) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- do return(keys) -%}
{%- endmacro %}
