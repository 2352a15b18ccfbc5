-- Grain: one row per landed playlist record, with what became of it.

with

records as (
    select * from {{ ref('stg_music_store__playlists') }}
),

{{ judge_records('records', ['playlist_id'], ['playlist_name']) }}

select
    playlist_id,
    playlist_name,
    source_file,
    source_record,
    loaded_at,
    rejection_reason,
    rejected_text,
    outcome
from judged
