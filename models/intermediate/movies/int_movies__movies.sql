-- Grain: one row per landed movie record, with what became of it.

{{ classified_table(
    ref('stg_movies__movies_metadata'),
    ['movie_id'],
    [
        'imdb_id', 'title', 'original_title', 'original_language', 'tagline', 'overview',
        'status', 'is_adult', 'release_on', 'runtime_minutes', 'budget', 'revenue', 'popularity',
        'vote_average', 'vote_count', 'genre_list', 'company_list'
    ]
) }}
