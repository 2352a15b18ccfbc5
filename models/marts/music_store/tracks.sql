-- Grain: one row per track.

with

tracks as (
    select * from {{ ref('int_music_store__tracks') }}
    where outcome = 'kept'
),

albums as (
    select * from {{ ref('albums') }}
),

genres as (
    select * from {{ ref('music_genres') }}
),

media_types as (
    select * from {{ ref('int_music_store__media_types') }}
    where outcome = 'kept'
)

select
    tracks.track_id,
    tracks.track_name,
    tracks.composer,
    tracks.album_id,
    albums.album_title,
    albums.artist_id,
    albums.artist_name,
    tracks.genre_id,
    genres.genre_name,
    tracks.media_type_id,
    media_types.media_type_name,
    tracks.milliseconds,
    {{ quotient('tracks.milliseconds', 60000, 6) }} as minutes,
    tracks.size_bytes,
    tracks.unit_price,
    tracks.source_file,
    tracks.source_record,
    tracks.loaded_at
from tracks
left join albums on tracks.album_id = albums.album_id
left join genres on tracks.genre_id = genres.genre_id
left join media_types on tracks.media_type_id = media_types.media_type_id
