-- MOVIES-7: as many movies in left_out_items as have no release date, file by file.

{{ config(meta={'rules': ['MOVIES-7']}) }}

with

movies as (
    select * from {{ ref('movies') }}
    where release_on is null
),

left_out_items as (
    select * from {{ ref('left_out_items') }}
    where reason = 'without_release_date'
),

undated as (
    select
        source_file,
        count(*) as movies
    from movies
    group by source_file
),

shown as (
    select
        source_file,
        sum(items) as movies
    from left_out_items
    group by source_file
)

select
    coalesce(undated.source_file, shown.source_file) as source_file,
    undated.movies,
    shown.movies as movies_shown
from undated
full outer join shown on undated.source_file = shown.source_file
where undated.movies is distinct from shown.movies
