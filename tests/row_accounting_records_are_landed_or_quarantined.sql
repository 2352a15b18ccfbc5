-- Records = quarantined + landed.

{{ config(meta={'rules': ['AUDIT-1']}) }}

select
    source_file,
    table_name,
    records,
    quarantined,
    landed
from {{ ref('row_accounting') }}
where records != quarantined + landed
