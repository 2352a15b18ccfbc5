-- Grain: one row per landed playlist entry record, with what became of it.

with

records as (
    select * from {{ ref('stg_music_store__playlist_track') }}
),

-- A record is nothing but its key: a loser always equals the winner.
{{ judge_records('records', ['playlist_id', 'track_id'], ['playlist_id', 'track_id']) }}

select
    playlist_id,
    track_id,
    source_file,
    source_record,
    loaded_at,
    rejection_reason,
    rejected_text,
    outcome
from judged
