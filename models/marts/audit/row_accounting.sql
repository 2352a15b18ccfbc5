-- Grain: one row per raw file and table that was landed.

with

ledger as (
    select * from {{ source('lake', 'ledger') }}
    where landed_file is not null
),

items as (
    {{ audited_items() }}
),

accounting as (
    select
        source_file,
        source_name,
        table_name,
        sum(items) as items,
        sum(case when outcome = 'rejected' then items else 0 end) as rejected,
        sum(case when outcome = 'left_out' then items else 0 end) as left_out,
        sum(case when outcome = 'duplicate' then items else 0 end) as duplicate,
        sum(case when outcome = 'superseded' then items else 0 end) as superseded,
        sum(kept) as kept
    from items
    group by source_file, source_name, table_name
)

select
    ledger.source_file,
    ledger.source_name,
    ledger.table_name,
    ledger.records,
    ledger.quarantined,
    ledger.landed,
    -- A redelivered file is not read: each of its records is one item.
    cast(
        case
            when ledger.redelivery_of is null then coalesce(accounting.items, 0)
            else ledger.landed
        end as bigint
    ) as items,
    cast(coalesce(accounting.rejected, 0) as bigint) as rejected,
    cast(coalesce(accounting.left_out, 0) as bigint) as left_out,
    cast(coalesce(accounting.duplicate, 0) as bigint) as duplicate,
    cast(coalesce(accounting.superseded, 0) as bigint) as superseded,
    cast(
        case when ledger.redelivery_of is null then 0 else ledger.landed end as bigint
    ) as redelivered,
    cast(coalesce(accounting.kept, 0) as bigint) as kept,
    {{ build_number() }} as build_number
from ledger
left join accounting
    on
        ledger.source_file = accounting.source_file
        and ledger.source_name = accounting.source_name
        and ledger.table_name = accounting.table_name
