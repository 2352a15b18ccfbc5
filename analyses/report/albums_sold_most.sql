-- Grain: one row per album, of the twelve that were sold most.

with

album_sales as (
    select * from {{ ref('album_sales') }}
)

select
    album_id,
    album_title,
    artist_name,
    line_count
from album_sales
order by line_count desc, album_title asc, album_id asc
limit 12
