-- Grain: one row per rejected movie record.

{{ rejected_records_of('movies', 'movies_metadata', ref('int_movies__movies')) }}
