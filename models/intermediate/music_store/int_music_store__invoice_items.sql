-- Grain: one row per landed invoice line record, with what became of it.

with

records as (
    select * from {{ ref('stg_music_store__invoice_items') }}
),

{{ judge_records(
    'records', ['invoice_line_id'], ['invoice_id', 'track_id', 'unit_price', 'quantity']
) }}

select
    invoice_line_id,
    invoice_id,
    track_id,
    unit_price,
    quantity,
    source_file,
    source_record,
    loaded_at,
    rejection_reason,
    rejected_text,
    outcome
from judged
