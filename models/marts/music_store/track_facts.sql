-- Grain: one row per record of a track that does not say which track it is.

with

track_facts as (
    select * from {{ ref('stg_music_store__track_facts') }}
    where rejection_reason is null
)

select
    genre_name,
    minutes,
    price,
    source_file,
    source_record,
    loaded_at
from track_facts
