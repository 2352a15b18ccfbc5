-- Grain: one row per landed media type record, with what became of it.

with

records as (
    select * from {{ ref('stg_music_store__media_types') }}
),

{{ judge_records('records', ['media_type_id'], ['media_type_name']) }}

select
    media_type_id,
    media_type_name,
    source_file,
    source_record,
    loaded_at,
    rejection_reason,
    rejected_text,
    outcome
from judged
