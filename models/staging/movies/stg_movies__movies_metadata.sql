-- Grain: one row per landed movie record.

{%- set fields = {
    'movie_id': an_integer('id', required=true),
    'title': field('title', 'a_title', required=true),
    'release_on': field('release_date', 'a_date', cast_iso_or_us_date('release_date')),
    'budget': an_integer('budget'),
    'revenue': an_integer('revenue'),
    'popularity': a_number('popularity', 18, 6, rounds=true),
    'genre_list': field(
        'genres', 'a_list_of_ids_and_names', json_ids_and_names('genres'), required=true
    ),
    'company_list': field(
        'production_companies',
        'a_list_of_ids_and_names',
        json_ids_and_names('production_companies'),
        required=true
    ),
    'is_adult': a_boolean('adult'),
    'imdb_id': field('imdb_id'),
    'original_language': field('original_language'),
    'original_title': field('original_title'),
    'overview': field('overview'),
    'runtime_minutes': a_number('runtime', 9, 2),
    'status': field('status'),
    'tagline': field('tagline'),
    'vote_average': a_number('vote_average', 9, 3),
    'vote_count': an_integer('vote_count'),
} %}

with

source as (
    select * from {{ source('movies', 'movies_metadata') }}
),

-- A blank is no value, in whatever format it comes.
validated as (
    {{ validated_fields('source', 'movies.movies_metadata', fields, blank_is_missing=true) }}
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
    case
        when rejection_reason is not null then {{ record_text('movies.movies_metadata') }}
    end as rejected_text
from validated
