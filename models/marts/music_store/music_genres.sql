-- Grain: one row per genre.

-- The table is music_store.genres: other cases have genres, too, and names of models are unique.
{{ config(alias='genres') }}

with

genres as (
    select * from {{ ref('int_music_store__genres') }}
    where outcome = 'kept'
)

select
    genre_id,
    genre_name,
    source_file,
    source_record,
    loaded_at
from genres
