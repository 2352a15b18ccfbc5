-- MUSIC_STORE-7: every track of a known genre is in that genre's average, with its whole length.

{{ config(meta={'rules': ['MUSIC_STORE-7']}) }}

with

tracks as (
    select * from {{ ref('tracks') }}
    where genre_name is not null
),

genre_track_lengths as (
    select * from {{ ref('genre_track_lengths') }}
),

delivered as (
    select
        count(*) as track_count,
        coalesce(sum(milliseconds), 0) as total_milliseconds
    from tracks
),

averaged as (
    select
        coalesce(sum(track_count), 0) as track_count,
        coalesce(sum(total_milliseconds), 0) as total_milliseconds
    from genre_track_lengths
)

select
    delivered.track_count,
    averaged.track_count as track_count_of_genres,
    delivered.total_milliseconds,
    averaged.total_milliseconds as total_milliseconds_of_genres
from delivered
cross join averaged
where
    delivered.track_count != averaged.track_count
    or delivered.total_milliseconds != averaged.total_milliseconds
