-- Grain: one row per raw file (for SQLite: per table in it) that the loader has seen.

with

ledger as (
    select * from {{ source('lake', 'ledger') }}
)

select
    source_file,
    source_name,
    table_name,
    format,
    state,
    size_bytes,
    file_hash,
    loaded_at,
    records,
    landed,
    quarantined,
    {{ join_list('columns_ignored') }} as columns_ignored,
    landed_file,
    redelivery_of,
    refusal,
    coalesce(content_hash, file_hash) as content_hash,
    {{ build_number() }} as build_number
from ledger
