-- MUSIC_STORE-8: each pair of an artist and a playlist that holds one of their tracks is counted
-- once, for that artist.

{{ config(meta={'rules': ['MUSIC_STORE-8']}) }}

with

playlist_tracks as (
    select * from {{ ref('playlist_tracks') }}
),

artist_playlists as (
    select * from {{ ref('artist_playlists') }}
),

pairs as (
    select
        artist_id,
        playlist_id
    from playlist_tracks
    where artist_name is not null
    group by artist_id, playlist_id
),

counted as (
    select
        artist_id,
        count(*) as playlist_count
    from pairs
    group by artist_id
)

select
    coalesce(artist_playlists.artist_id, counted.artist_id) as artist_id,
    artist_playlists.playlist_count,
    counted.playlist_count as playlists_found
from artist_playlists
full outer join counted on artist_playlists.artist_id = counted.artist_id
where
    artist_playlists.artist_id is null
    or artist_playlists.playlist_count != coalesce(counted.playlist_count, 0)
