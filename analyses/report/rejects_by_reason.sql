-- Grain: one row per stage and reason code.

with

rejected_rows as (
    select * from {{ ref('rejected_rows') }}
)

select
    stage || ': ' || split_part(reasons, ':', 1) as reason,
    count(*) as records
from rejected_rows
group by stage || ': ' || split_part(reasons, ':', 1)
order by records desc, reason asc
