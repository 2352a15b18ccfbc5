-- Items = rejected + left_out + duplicate + superseded + redelivered + kept.

{{ config(meta={'rules': ['AUDIT-2']}) }}

select
    source_file,
    table_name,
    items,
    rejected,
    left_out,
    duplicate,
    superseded,
    redelivered,
    kept
from {{ ref('row_accounting') }}
where items != rejected + left_out + duplicate + superseded + redelivered + kept
