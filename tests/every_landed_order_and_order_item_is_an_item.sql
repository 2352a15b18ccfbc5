-- AUDIT-4: what the loader says it landed is what the models of orders and their items counted.

{{ config(meta={'rules': ['AUDIT-4']}) }}

select
    source_file,
    table_name,
    landed,
    items
from {{ ref('row_accounting') }}
where
    source_name = 'storefront'
    and table_name in ('orders', 'order_items')
    and landed != items
