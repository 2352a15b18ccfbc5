-- Grain: one row per raw file of movies that holds at least one landed record.

{{ outcomes_per_file(
    'movies', 'movies_metadata', ref('int_movies__movies'), ref('movies')
) }}
