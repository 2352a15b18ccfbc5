-- Grain: one row per artist.

{{ config(
    pre_hook="{{ keep_order(true) }}",
    post_hook="{{ keep_order(false) }}",
) }}

with

artists as (
    select * from {{ ref('artists') }}
),

playlist_tracks as (
    select * from {{ ref('playlist_tracks') }}
),

counted as (
    select
        artists.artist_id,
        artists.artist_name,
        count(distinct playlist_tracks.playlist_id) as playlist_count
    from artists
    left join playlist_tracks on artists.artist_id = playlist_tracks.artist_id
    group by artists.artist_id, artists.artist_name
)

select
    artist_id,
    artist_name,
    playlist_count
from counted
order by playlist_count desc, artist_name asc, artist_id asc
