{#-
    Parquet tables on Spark have no constraints, so what a contract says of nulls is checked as rows
    are written: a condition that is always true, or stops the query.
-#}
{% macro not_null_condition() -%}
    {%- set conditions = [] -%}
    {%- if config.get('contract').enforced -%}
        {%- for column in model.columns.values() -%}
            {%- for constraint in column.constraints if constraint.type == 'not_null' -%}
                {%- do conditions.append(
                    'assert_true(' ~ adapter.quote(column.name) ~ ' is not null, '
                    ~ literal(model.name ~ '.' ~ column.name ~ ' must not be null') ~ ') is null'
                ) -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endif -%}
    {%- do return(conditions | join(' and ') or 'true') -%}
{%- endmacro %}


{#- A table's rows, where dbt has a contract: its columns in the order of the contract. -#}
{% macro spark__get_select_subquery(sql) -%}
    select {{ partition_hint() }}
    {%- for column in model.columns.values() %}
        {{ adapter.quote(column.name) }}{{ ',' if not loop.last }}
    {%- endfor %}
    from (
        {{ sql }}
    )
    where {{ not_null_condition() }}
{%- endmacro %}


{% macro spark__persist_constraints(relation, model) -%}
{%- endmacro %}
