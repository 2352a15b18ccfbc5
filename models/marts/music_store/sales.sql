-- Grain: one row per invoice line.

with

lines as (
    select * from {{ ref('int_music_store__invoice_items') }}
    where outcome = 'kept'
),

invoices as (
    select * from {{ ref('int_music_store__invoices') }}
    where outcome = 'kept'
),

customers as (
    select * from {{ ref('customers') }}
),

tracks as (
    select * from {{ ref('tracks') }}
)

select
    lines.invoice_line_id,
    lines.invoice_id,
    invoices.invoiced_at,
    invoices.billing_city,
    invoices.billing_country,
    invoices.customer_id,
    customers.customer_name,
    lines.track_id,
    tracks.track_name,
    tracks.album_id,
    tracks.album_title,
    tracks.artist_id,
    tracks.artist_name,
    tracks.genre_id,
    tracks.genre_name,
    lines.unit_price,
    lines.quantity,
    -- As wide as the widest price times the largest quantity.
    cast(cast(lines.unit_price as decimal(28, 4)) * lines.quantity as decimal(28, 4)) as amount,
    lines.source_file,
    lines.source_record,
    lines.loaded_at
from lines
left join invoices on lines.invoice_id = invoices.invoice_id
left join customers on invoices.customer_id = customers.customer_id
left join tracks on lines.track_id = tracks.track_id
