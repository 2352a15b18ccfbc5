-- AUDIT-4: what the loader says it landed is what the models counted, in every table whose records
-- are its items. Messages of product events hold several; a test of their own counts them.

{{ config(meta={'rules': ['AUDIT-4']}) }}

select
    source_file,
    table_name,
    landed,
    items
from {{ ref('row_accounting') }}
where
    landed != items
    and concat(source_name, '.', table_name) != 'storefront.product_events'
