{#- Of each table in the var `audited_tables`, its items by file and outcome, and once more what its
    mart shows of a file: a row lost on the way there is then missing from `kept`. -#}
{% macro audited_items() -%}
    {%- set parts = [] -%}
    {%- for table in audited_tables() -%}
        {%- set part -%}
            select
                source_file,
                {{ literal(table.source_name) }} as source_name,
                {{ literal(table.table_name) }} as table_name,
                {{ table.outcome }} as outcome,
                count(*) as items,
                {{ 'cast(0 as ' ~ type_bigint() ~ ')' if table.mart
                    else "count(case when " ~ table.outcome ~ " = 'kept' then 1 end)" }} as kept
            from {{ table.records }}
            group by source_file, {{ table.outcome }}
            {%- if table.mart %}
            union all
            select
                source_file,
                {{ literal(table.source_name) }} as source_name,
                {{ literal(table.table_name) }} as table_name,
                'kept' as outcome,
                cast(0 as {{ type_bigint() }}) as items,
                count(*) as kept
            from {{ table.mart }}
            group by source_file
            {%- endif %}
        {%- endset -%}
        {%- do parts.append(part) -%}
    {%- endfor -%}
    {{- parts | join('\nunion all\n') -}}
{%- endmacro %}


{% macro audited_tables() -%}
    {#-
        The var `audited_tables`, with the relations that it names. A table that no case has taken up
        yet is accounted for by its staging model, as one without a key is: what is not rejected is
        kept.
    -#}
    {%- set tables = [] -%}
    {%- for name, given in var('audited_tables').items() -%}
        {%- set parts = name.split('.') -%}
        {%- do tables.append({
            'name': name,
            'source_name': parts[0],
            'table_name': parts[1],
            'records': ref(given.get('items', 'stg_' ~ parts[0] ~ '__' ~ parts[1])),
            'outcome': 'outcome' if given.get('items') else
                "case when rejection_reason is null then 'kept' else 'rejected' end",
            'item': given.get('item', 'cast(null as integer)'),
            'mart': ref(given.mart) if given.get('mart') else none,
            'mart_name': given.get('mart'),
        }) -%}
    {%- endfor -%}
    {%- do return(tables) -%}
{%- endmacro %}
