-- Grain: one row per raw file of movies, reason and kind.

with

undated as (
    select * from {{ ref('int_movies__movies') }}
    where
        outcome = 'kept'
        and release_on is null
),

left_out as (
    select
        source_file,
        coalesce(status, '(no status)') as kind
    from undated
)

select
    source_file,
    'movies' as source_name,
    'movies_metadata' as table_name,
    'without_release_date' as reason,
    kind,
    'kept' as counted_as,
    count(*) as items
from left_out
group by source_file, kind
