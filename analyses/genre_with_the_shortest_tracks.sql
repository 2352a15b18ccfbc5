-- Which genre has the shortest tracks on average?

with

genre_track_lengths as (
    select * from {{ ref('genre_track_lengths') }}
    where track_count > 0
),

shortest as (
    select genre_name
    from genre_track_lengths
    order by average_milliseconds asc nulls last, genre_name asc, genre_id asc
    limit 1
)

select genre_name
from shortest
