-- Grain: one row per landed movie record.

{%- set delivered = [
    'id', 'title', 'release_date', 'budget', 'revenue', 'popularity', 'genres',
    'production_companies', 'adult', 'imdb_id', 'original_language', 'original_title', 'overview',
    'runtime', 'status', 'tagline', 'vote_average', 'vote_count',
] %}

with

source as (
    select * from {{ source('movies', 'movies_metadata') }}
),

-- A blank is no value, in whatever format it comes.
fields as (
    select
        {%- for column in delivered %}
            {{ unless_blank(column) }} as {{ column }},
        {%- endfor %}
        {{ json_record(delivered) }} as delivered_text,
        _source_file as source_file,
        _source_record as source_record,
        _loaded_at as loaded_at
    from source
),

typed as (
    select
        *,
        {{ cast_integer('id') }} as movie_id,
        {{ cast_iso_or_us_date('release_date') }} as release_on,
        {{ cast_integer('budget') }} as cost,
        {{ cast_integer('revenue') }} as income,
        {{ cast_decimal('popularity', 18, 6) }} as popularity_score,
        {{ json_ids_and_names('genres') }} as genre_list,
        {{ json_ids_and_names('production_companies') }} as company_list,
        {{ cast_boolean('adult') }} as is_adult,
        {{ cast_decimal('runtime', 9, 2) }} as runtime_minutes,
        {{ cast_decimal('vote_average', 9, 3) }} as average_vote,
        {{ cast_integer('vote_count') }} as votes
    from fields
),

judged as (
    select
        *,
        {{ rejection_reason([
            ('id', 'movie_id', 'an_integer', true),
            ('title', 'title', 'a_title', true),
            ('release_date', 'release_on', 'a_date', false),
            ('budget', 'cost', 'an_integer', false),
            ('revenue', 'income', 'an_integer', false),
            ('popularity', 'popularity_score', 'a_number', false),
            ('genres', 'genre_list', 'a_list_of_ids_and_names', true),
            ('production_companies', 'company_list', 'a_list_of_ids_and_names', true),
            ('adult', 'is_adult', 'a_boolean', false),
            ('runtime', 'runtime_minutes', 'a_number', false),
            ('vote_average', 'average_vote', 'a_number', false),
            ('vote_count', 'votes', 'an_integer', false),
        ]) }} as rejection_reason
    from typed
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
    cost as budget,
    income as revenue,
    popularity_score as popularity,
    average_vote as vote_average,
    votes as vote_count,
    genre_list,
    company_list,
    source_file,
    source_record,
    loaded_at,
    rejection_reason,
    case when rejection_reason is not null then delivered_text end as rejected_text
from judged
