-- Grain: one row per playlist and track in it.

with

entries as (
    select * from {{ ref('int_music_store__playlist_track') }}
    where outcome = 'kept'
),

playlists as (
    select * from {{ ref('playlists') }}
),

tracks as (
    select * from {{ ref('tracks') }}
)

select
    entries.playlist_id,
    playlists.playlist_name,
    entries.track_id,
    tracks.track_name,
    tracks.album_id,
    tracks.album_title,
    tracks.artist_id,
    tracks.artist_name,
    entries.source_file,
    entries.source_record,
    entries.loaded_at
from entries
left join playlists on entries.playlist_id = playlists.playlist_id
left join tracks on entries.track_id = tracks.track_id
