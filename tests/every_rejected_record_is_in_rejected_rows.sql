-- AUDIT-3: as many rows in rejected_rows as the accounting counts, file by file.

{{ config(meta={'rules': ['AUDIT-3']}) }}

with

accounting as (
    select * from {{ ref('row_accounting') }}
),

rejected_rows as (
    select * from {{ ref('rejected_rows') }}
),

shown as (
    select
        source_file,
        count(case when stage = 'quarantined' then 1 end) as quarantined,
        count(case when stage = 'rejected' then 1 end) as rejected
    from rejected_rows
    group by source_file
)

select
    coalesce(accounting.source_file, shown.source_file) as source_file,
    accounting.quarantined,
    shown.quarantined as quarantined_shown,
    accounting.rejected,
    shown.rejected as rejected_shown
from accounting
full outer join shown on accounting.source_file = shown.source_file
where
    coalesce(accounting.quarantined, 0) != coalesce(shown.quarantined, 0)
    or coalesce(accounting.rejected, 0) != coalesce(shown.rejected, 0)
