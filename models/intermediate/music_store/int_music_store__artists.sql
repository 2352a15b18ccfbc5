-- Grain: one row per landed artist record, with what became of it.

with

records as (
    select * from {{ ref('stg_music_store__artists') }}
),

{{ judge_records('records', ['artist_id'], ['artist_name']) }}

select
    artist_id,
    artist_name,
    source_file,
    source_record,
    loaded_at,
    rejection_reason,
    rejected_text,
    outcome
from judged
