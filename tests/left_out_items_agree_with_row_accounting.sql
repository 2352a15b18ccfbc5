-- As many items in left_out_items as the accounting counts as left out, file by file, and of those
-- that it counts as kept, for one reason, no more than it keeps.

{{ config(meta={'rules': ['AUDIT-6']}) }}

with

accounting as (
    select * from {{ ref('row_accounting') }}
),

left_out_items as (
    select * from {{ ref('left_out_items') }}
),

shown as (
    select
        source_file,
        table_name,
        sum(items) as left_out
    from left_out_items
    where counted_as = 'left_out'
    group by source_file, table_name
),

shown_as_kept as (
    select
        source_file,
        table_name,
        reason,
        sum(items) as kept
    from left_out_items
    where counted_as = 'kept'
    group by source_file, table_name, reason
)

select
    coalesce(accounting.source_file, shown.source_file) as source_file,
    coalesce(accounting.table_name, shown.table_name) as table_name,
    'left_out' as counted_as,
    accounting.left_out as items,
    shown.left_out as items_shown
from accounting
full outer join shown
    on
        accounting.source_file = shown.source_file
        and accounting.table_name = shown.table_name
where coalesce(accounting.left_out, 0) != coalesce(shown.left_out, 0)
union all
select
    shown_as_kept.source_file,
    shown_as_kept.table_name,
    'kept' as counted_as,
    accounting.kept as items,
    shown_as_kept.kept as items_shown
from shown_as_kept
left join accounting
    on
        shown_as_kept.source_file = accounting.source_file
        and shown_as_kept.table_name = accounting.table_name
where shown_as_kept.kept > coalesce(accounting.kept, 0)
