{#-
    dbt-duckdb brings this materialization; on Spark a table function also says the types of its
    parameters (`meta.parameter_types`) and of its columns, which are those of the model's YAML.
-#}
{% materialization table_function, adapter='spark' -%}
    {%- set parameters = [] -%}
    {%- for parameter in config.require('parameters') -%}
        {%- set parts = parameter.split(':=') -%}
        {%- set name = parts[0] | trim -%}
        {%- do parameters.append(
            name ~ ' ' ~ engine_type(config.get('meta').parameter_types[name])
            ~ (' default ' ~ parts[1] | trim if parts | length > 1 else '')
        ) -%}
    {%- endfor -%}
    {%- set columns = [] -%}
    {%- for column in model.columns.values() -%}
        {%- do columns.append(adapter.quote(column.name) ~ ' ' ~ engine_type(column.data_type)) -%}
    {%- endfor -%}

    {{ run_hooks(pre_hooks) }}
    {% call statement('main') -%}
        create or replace function {{ this }} ({{ parameters | join(', ') }})
        returns table ({{ columns | join(', ') }})
        return
        {{ sql }}
    {%- endcall %}
    {{ run_hooks(post_hooks) }}
    {{ return({'relations': []}) }}
{%- endmaterialization %}
