-- Grain: one row per movie.

with

movies as (
    select * from {{ ref('int_movies__movies') }}
    where outcome = 'kept'
)

select
    movie_id,
    imdb_id,
    title,
    original_title,
    original_language,
    tagline,
    overview,
    status,
    is_adult,
    release_on,
    cast(year(release_on) as integer) as release_year,
    runtime_minutes,
    budget,
    revenue,
    coalesce(budget > 0, false) as is_budget_known,
    coalesce(revenue > 0, false) as is_revenue_known,
    popularity,
    vote_average,
    vote_count,
    source_file,
    source_record,
    loaded_at
from movies
