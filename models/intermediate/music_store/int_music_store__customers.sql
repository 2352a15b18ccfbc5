-- Grain: one row per landed customer record, with what became of it.

with

records as (
    select * from {{ ref('stg_music_store__customers') }}
),

{{ judge_records(
    'records',
    ['customer_id'],
    [
        'first_name', 'last_name', 'company', 'street_address', 'city', 'state', 'country',
        'postal_code', 'phone', 'fax', 'email', 'support_representative_id'
    ]
) }}

select
    customer_id,
    first_name,
    last_name,
    company,
    street_address,
    city,
    state,
    country,
    postal_code,
    phone,
    fax,
    email,
    support_representative_id,
    source_file,
    source_record,
    loaded_at,
    rejection_reason,
    rejected_text,
    outcome
from judged
