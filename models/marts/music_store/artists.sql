-- Grain: one row per artist.

with

artists as (
    select * from {{ ref('int_music_store__artists') }}
    where outcome = 'kept'
)

select
    artist_id,
    artist_name,
    source_file,
    source_record,
    loaded_at
from artists
