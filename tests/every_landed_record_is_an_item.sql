-- What the loader says it landed is what the models counted, in every table of the var
-- `audited_tables`. Messages of product events hold several; a test of their own counts them.

{{ config(meta={'rules': ['AUDIT-4']}) }}

select
    source_file,
    table_name,
    landed,
    items
from {{ ref('row_accounting') }}
where
    landed != items
    and concat(source_name, '.', table_name) in {{ literal_list(var('audited_tables')) }}
    and concat(source_name, '.', table_name) != 'storefront.product_events'
