-- As many items are kept as the mart has rows, where this run built both.

{{ config(meta={'rules': ['AUDIT-7']}) }}

with

accounting as (
    select * from {{ ref('row_accounting') }}
),

marts as (
    {%- set parts = [] %}
    {%- for table in audited_tables() if table.mart %}
        {%- set part %}
    select
        {{ literal(table.source_name) }} as source_name,
        {{ literal(table.table_name) }} as table_name,
        count(*) as row_count
    from {{ table.mart }}
        {%- endset %}
        {%- if built_in_this_run(['row_accounting', table.mart_name]) %}
            {%- do parts.append(part) %}
        {%- endif %}
    {%- endfor %}
    {{
        parts | join('\n    union all')
        or "select '' as source_name, '' as table_name, 0 as row_count"
    }}
),

kept as (
    select
        source_name,
        table_name,
        max(build_number) as build_number,
        sum(kept) as kept
    from accounting
    group by source_name, table_name
)

select
    marts.source_name,
    marts.table_name,
    marts.row_count,
    kept.kept,
    kept.build_number
from marts
left join kept
    on
        marts.source_name = kept.source_name
        and marts.table_name = kept.table_name
where marts.row_count != coalesce(kept.kept, 0)
