-- A file of which no record could be read says nothing: someone should look at it.

{{ config(severity='warn', store_failures=false) }}

select
    source_file,
    table_name,
    records,
    quarantined
from {{ ref('loaded_files') }}
where
    records > 0
    and landed = 0
    and refusal is null
