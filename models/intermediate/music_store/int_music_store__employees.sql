-- Grain: one row per landed employee record, with what became of it.

{{ classified_table(
    ref('stg_music_store__employees'),
    ['employee_id'],
    [
        'first_name', 'last_name', 'job_title', 'reports_to_id', 'born_on', 'hired_on',
        'street_address', 'city', 'state', 'country', 'postal_code', 'phone', 'fax', 'email'
    ]
) }}
