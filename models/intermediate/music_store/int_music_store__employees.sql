-- Grain: one row per landed employee record, with what became of it.

with

records as (
    select * from {{ ref('stg_music_store__employees') }}
),

{{ judge_records(
    'records',
    ['employee_id'],
    [
        'first_name', 'last_name', 'job_title', 'reports_to_id', 'born_on', 'hired_on',
        'street_address', 'city', 'state', 'country', 'postal_code', 'phone', 'fax', 'email'
    ]
) }}

select
    employee_id,
    first_name,
    last_name,
    job_title,
    reports_to_id,
    born_on,
    hired_on,
    street_address,
    city,
    state,
    country,
    postal_code,
    phone,
    fax,
    email,
    source_file,
    source_record,
    loaded_at,
    rejection_reason,
    rejected_text,
    outcome
from judged
