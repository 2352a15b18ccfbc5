-- Grain: one row per raw table and outcome of its records or items.

with

row_accounting as (
    select * from {{ ref('row_accounting') }}
),

outcomes as (
    unpivot row_accounting
    on kept, quarantined, rejected, left_out, duplicate, superseded, redelivered
    into name outcome value counted
)

select
    source_name || '.' || table_name as raw_table,
    replace(outcome, '_', ' ') as outcome,
    cast(sum(counted) as bigint) as items
from outcomes
group by source_name || '.' || table_name, outcome
having sum(counted) > 0
order by raw_table, outcome
