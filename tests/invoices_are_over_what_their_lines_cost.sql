-- An invoice says what it is over; its lines should come to the same. Where they do not, a line is
-- missing, or someone should ask which of the two is right.

{{ config(severity='warn', store_failures=false, meta={'rules': ['MUSIC_STORE-10']}) }}

with

invoices as (
    select * from {{ ref('int_music_store__invoices') }}
    where
        outcome = 'kept'
        and invoice_total is not null
),

sales as (
    select * from {{ ref('sales') }}
),

paid as (
    select
        invoice_id,
        sum(amount) as amount
    from sales
    group by invoice_id
)

select
    invoices.invoice_id,
    invoices.invoice_total,
    coalesce(paid.amount, 0) as amount_of_lines
from invoices
left join paid on invoices.invoice_id = paid.invoice_id
where invoices.invoice_total != coalesce(paid.amount, 0)
