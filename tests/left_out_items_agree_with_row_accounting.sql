-- AUDIT-6: as many items in left_out_items as the accounting counts, file by file. Purchases on
-- platforms without views are not among them: the accounting counts them as kept.

{{ config(meta={'rules': ['AUDIT-6']}) }}

with

accounting as (
    select * from {{ ref('row_accounting') }}
),

left_out_items as (
    select * from {{ ref('left_out_items') }}
    where reason != 'platform_without_views'
),

shown as (
    select
        source_file,
        table_name,
        sum(items) as left_out
    from left_out_items
    group by source_file, table_name
)

select
    coalesce(accounting.source_file, shown.source_file) as source_file,
    coalesce(accounting.table_name, shown.table_name) as table_name,
    accounting.left_out,
    shown.left_out as left_out_shown
from accounting
full outer join shown
    on
        accounting.source_file = shown.source_file
        and accounting.table_name = shown.table_name
where coalesce(accounting.left_out, 0) != coalesce(shown.left_out, 0)
