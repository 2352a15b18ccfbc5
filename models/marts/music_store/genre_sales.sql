-- Grain: one row per sale, of those that say their genre and not their track.

with

orders as (
    select * from {{ ref('stg_music_store__orders') }}
    where rejection_reason is null
)

select
    invoiced_at,
    genre_name,
    media_type_name,
    minutes,
    unit_price,
    quantity,
    -- As wide as the widest price times the largest quantity.
    cast(cast(unit_price as decimal(28, 4)) * quantity as decimal(28, 4)) as amount,
    source_file,
    source_record,
    loaded_at
from orders
