-- Grain: one row per landed movie record, with what became of it.

with

records as (
    select * from {{ ref('stg_movies__movies_metadata') }}
),

{{ judge_records('records', ['movie_id'], [
    'imdb_id', 'title', 'original_title', 'original_language', 'tagline', 'overview', 'status',
    'is_adult', 'release_on', 'runtime_minutes', 'budget', 'revenue', 'popularity', 'vote_average',
    'vote_count', 'genre_list', 'company_list',
]) }}

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
    runtime_minutes,
    budget,
    revenue,
    popularity,
    vote_average,
    vote_count,
    genre_list,
    company_list,
    source_file,
    source_record,
    loaded_at,
    rejection_reason,
    rejected_text,
    outcome
from judged
