-- Grain: one row per landed employee record.

{%- set fields = {
    'employee_id': an_integer('EmployeeId', required=true),
    'first_name': a_text('FirstName'),
    'last_name': a_text('LastName'),
    'job_title': a_text('Title'),
    'reports_to_id': an_integer('ReportsTo'),
    'born_at': a_timestamp('BirthDate'),
    'hired_at': a_timestamp('HireDate'),
    'street_address': a_text('Address'),
    'city': a_text('City'),
    'state': a_text('State'),
    'country': a_text('Country'),
    'postal_code': a_text('PostalCode'),
    'phone': a_text('Phone'),
    'fax': a_text('Fax'),
    'email': a_text('Email'),
} %}

with

source as (
    select * from {{ source('music_store', 'employees') }}
),

validated as (
    {{ validated_fields('source', 'music_store.employees', fields) }}
)

select
    employee_id,
    first_name,
    last_name,
    job_title,
    reports_to_id,
    cast(born_at as date) as born_on,
    cast(hired_at as date) as hired_on,
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
    case
        when rejection_reason is not null then {{ record_text('music_store.employees') }}
    end as rejected_text
from validated
