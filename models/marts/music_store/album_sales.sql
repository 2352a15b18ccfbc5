-- Grain: one row per album.

{{ config(
    pre_hook="{{ keep_order(true) }}",
    post_hook="{{ keep_order(false) }}",
) }}

with

albums as (
    select * from {{ ref('albums') }}
),

sales as (
    select * from {{ ref('sales') }}
),

counted as (
    select
        albums.album_id,
        albums.album_title,
        albums.artist_id,
        albums.artist_name,
        count(sales.invoice_line_id) as line_count
    from albums
    left join sales on albums.album_id = sales.album_id
    group by albums.album_id, albums.album_title, albums.artist_id, albums.artist_name
)

select
    album_id,
    album_title,
    artist_id,
    artist_name,
    line_count
from counted
order by line_count desc, album_title asc, album_id asc
