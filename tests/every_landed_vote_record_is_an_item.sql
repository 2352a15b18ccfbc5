-- AUDIT-4: what the loader says it landed is what the models of votes counted.

{{ config(meta={'rules': ['AUDIT-4']}) }}

select
    source_file,
    landed,
    items
from {{ ref('row_accounting') }}
where
    source_name = 'blog'
    and table_name = 'votes'
    and landed != items
