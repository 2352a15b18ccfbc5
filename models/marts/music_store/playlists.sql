-- Grain: one row per playlist.

with

playlists as (
    select * from {{ ref('int_music_store__playlists') }}
    where outcome = 'kept'
)

select
    playlist_id,
    playlist_name,
    source_file,
    source_record,
    loaded_at
from playlists
