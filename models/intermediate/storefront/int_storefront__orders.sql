-- Grain: one row per landed order record, with what became of it.

with

records as (
    select * from {{ ref('stg_storefront__orders') }}
),

{{ judge_records(
    'records', ['order_id'], ['buyer_id', 'ordered_at', 'total', 'status', 'device']
) }}

select
    order_id,
    buyer_id,
    ordered_at,
    total,
    status,
    device,
    source_file,
    source_record,
    loaded_at,
    rejection_reason,
    rejected_text,
    outcome
from judged
