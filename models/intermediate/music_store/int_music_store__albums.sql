-- Grain: one row per landed album record, with what became of it.

with

records as (
    select * from {{ ref('stg_music_store__albums') }}
),

{{ judge_records('records', ['album_id'], ['album_title', 'artist_id']) }}

select
    album_id,
    album_title,
    artist_id,
    source_file,
    source_record,
    loaded_at,
    rejection_reason,
    rejected_text,
    outcome
from judged
