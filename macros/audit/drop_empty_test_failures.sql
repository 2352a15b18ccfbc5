{% macro drop_empty_test_failures() -%}
    {#- A test that found nothing leaves an empty table; only those with wrong rows stay. -#}
    {%- if execute and flags.WHICH in ('build', 'test') -%}
        {%- for result in results
            if result.node.resource_type == 'test' and result.node.relation_name
            and result.status == 'pass' -%}
            {%- do run_query('drop table if exists ' ~ result.node.relation_name) -%}
        {%- endfor -%}
        {%- do adapter.commit() -%}
    {%- endif -%}
{%- endmacro %}
