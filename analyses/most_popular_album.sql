-- Which album is the most popular, and how many invoice lines sold a track of it?

with

album_sales as (
    select * from {{ ref('album_sales') }}
),

most_popular as (
    select
        album_title,
        line_count
    from album_sales
    order by line_count desc, album_title asc, album_id asc
    limit 1
)

select
    album_title,
    line_count
from most_popular
