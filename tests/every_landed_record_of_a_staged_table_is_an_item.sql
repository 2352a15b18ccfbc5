-- AUDIT-4: what the loader says it landed of a table without a case is what staging shows.

{{ config(meta={'rules': ['AUDIT-4']}) }}

select
    source_file,
    landed,
    items
from {{ ref('row_accounting') }}
where
    concat(source_name, '.', table_name) in {{ literal_list(var('staged_tables')) }}
    and landed != items
