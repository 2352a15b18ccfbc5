-- More than 1% of a file's records or items, and at least 10, could not be read or were rejected: the
-- delivery may be wrong as a whole, or the declaration.

{{ config(severity='warn', store_failures=false) }}

select
    source_file,
    table_name,
    quarantined,
    rejected,
    quarantined + items as records_or_items
from {{ ref('row_accounting') }}
where
    quarantined + rejected >= 10
    and (quarantined + rejected) * 100 > quarantined + items
