-- Grain: one row per landed genre record, with what became of it.

with

records as (
    select * from {{ ref('stg_music_store__genres') }}
),

{{ judge_records('records', ['genre_id'], ['genre_name']) }}

select
    genre_id,
    genre_name,
    source_file,
    source_record,
    loaded_at,
    rejection_reason,
    rejected_text,
    outcome
from judged
