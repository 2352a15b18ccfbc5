{% macro drop_empty_test_failures() -%}
    {#- A test that found nothing leaves an empty table; only those with wrong rows stay. -#}
    {%- if execute and flags.WHICH in ('build', 'test') -%}
        {%- set drops = [] -%}
        {%- for result in results
            if result.node.resource_type == 'test' and result.node.relation_name
            and result.status == 'pass' -%}
            {%- do drops.append('drop table if exists ' ~ result.node.relation_name) -%}
        {%- endfor -%}
        {#- Spark runs one statement at a time. -#}
        {%- for drop in ([drops | join(';\n')] if target.type == 'duckdb' and drops else drops) -%}
            {%- do run_query(drop) -%}
        {%- endfor -%}
        {%- do adapter.commit() -%}
    {%- endif -%}
{%- endmacro %}
