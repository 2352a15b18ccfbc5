-- MUSIC_STORE-9: each line that sold a track of a known album is counted once, for that album.

{{ config(meta={'rules': ['MUSIC_STORE-9']}) }}

with

sales as (
    select * from {{ ref('sales') }}
),

album_sales as (
    select * from {{ ref('album_sales') }}
),

sold as (
    select
        album_id,
        count(*) as line_count
    from sales
    where album_title is not null
    group by album_id
)

select
    coalesce(album_sales.album_id, sold.album_id) as album_id,
    album_sales.line_count,
    sold.line_count as lines_sold
from album_sales
full outer join sold on album_sales.album_id = sold.album_id
where
    album_sales.album_id is null
    or album_sales.line_count != coalesce(sold.line_count, 0)
