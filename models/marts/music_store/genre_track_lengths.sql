-- Grain: one row per genre.

{{ config(
    pre_hook="{{ keep_order(true) }}",
    post_hook="{{ keep_order(false) }}",
) }}

with

genres as (
    select * from {{ ref('music_genres') }}
),

tracks as (
    select * from {{ ref('tracks') }}
),

totals as (
    select
        genres.genre_id,
        genres.genre_name,
        count(tracks.track_id) as track_count,
        cast(coalesce(sum(tracks.milliseconds), 0) as bigint) as total_milliseconds
    from genres
    left join tracks on genres.genre_id = tracks.genre_id
    group by genres.genre_id, genres.genre_name
),

averages as (
    select
        *,
        {{ quotient('total_milliseconds', 'track_count', 8) }} as average_milliseconds,
        {{ quotient('total_milliseconds', '(track_count * 60000)', 6) }} as average_minutes
    from totals
)

select
    genre_id,
    genre_name,
    track_count,
    total_milliseconds,
    average_milliseconds,
    average_minutes
from averages
order by average_milliseconds asc nulls last, genre_name asc, genre_id asc
