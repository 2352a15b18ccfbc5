{#- For `dbt run-operation`: what Spark's own catalog lists, so that nothing is missed or made up. -#}
{% macro export_tables(folder, calls) -%}
    {%- set schemas = [target.schema] -%}
    {%- for node in graph.nodes.values() if node.resource_type in ('model', 'seed', 'test') -%}
        {%- do schemas.append(node.schema) -%}
    {%- endfor -%}
    {%- set built = run_query('show schemas').columns[0].values() -%}
    {%- set queries = {} -%}
    {%- for schema in schemas | unique if schema in built -%}
        {%- for table in run_query('show tables in ' ~ schema).rows if not table['isTemporary'] -%}
            {%- set name = schema ~ '.' ~ table['tableName'] -%}
            {%- do queries.update({name: 'select * from ' ~ name}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- for function, arguments in calls.items() -%}
        {%- do queries.update({function: 'select * from ' ~ function ~ '(' ~ arguments ~ ')'}) -%}
    {%- endfor -%}
    {%- for name, query in queries.items() -%}
        {%- do run_query(
            'insert overwrite directory ' ~ literal(folder ~ '/' ~ name) ~ ' using parquet ' ~ query
        ) -%}
    {%- endfor -%}
{%- endmacro %}
