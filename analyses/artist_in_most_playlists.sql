-- Which artist is in most playlists, and in how many?

with

artist_playlists as (
    select * from {{ ref('artist_playlists') }}
),

in_most_playlists as (
    select
        artist_name,
        playlist_count
    from artist_playlists
    order by playlist_count desc, artist_name asc, artist_id asc
    limit 1
)

select
    artist_name,
    playlist_count
from in_most_playlists
