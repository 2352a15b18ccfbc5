-- How long is the music store's longest track, in minutes?

with

tracks as (
    select * from {{ ref('tracks') }}
)

select max(minutes) as minutes
from tracks
