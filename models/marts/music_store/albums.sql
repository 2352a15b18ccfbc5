-- Grain: one row per album.

with

albums as (
    select * from {{ ref('int_music_store__albums') }}
    where outcome = 'kept'
),

artists as (
    select * from {{ ref('artists') }}
)

select
    albums.album_id,
    albums.album_title,
    albums.artist_id,
    artists.artist_name,
    albums.source_file,
    albums.source_record,
    albums.loaded_at
from albums
left join artists on albums.artist_id = artists.artist_id
