-- Its records, or its newest ones, are missing from the marts: someone should look.

{{ config(severity='warn') }}

select
    source_file,
    table_name,
    state,
    refusal
from {{ ref('loaded_files') }}
where refusal is not null
