-- Grain: one row per landed employee record.

with

source as (
    select * from {{ source('music_store', 'employees') }}
),

typed as (
    select
        {{ cast_integer('EmployeeId') }} as employee_id,
        {{ cast_integer('ReportsTo') }} as reports_to_id,
        {{ cast_timestamp('BirthDate') }} as born_at,
        {{ cast_timestamp('HireDate') }} as hired_at,
        EmployeeId,
        LastName,
        FirstName,
        Title,
        ReportsTo,
        BirthDate,
        HireDate,
        Address,
        City,
        State,
        Country,
        PostalCode,
        Phone,
        Fax,
        Email,
        _source_file as source_file,
        _source_record as source_record,
        _loaded_at as loaded_at
    from source
),

judged as (
    select
        *,
        {{ rejection_reason([
            ('EmployeeId', 'employee_id', 'an_integer', true),
            ('ReportsTo', 'reports_to_id', 'an_integer', false),
            ('BirthDate', 'born_at', 'a_timestamp', false),
            ('HireDate', 'hired_at', 'a_timestamp', false),
        ]) }} as rejection_reason
    from typed
)

select
    employee_id,
    nullif({{ trimmed('FirstName') }}, '') as first_name,
    nullif({{ trimmed('LastName') }}, '') as last_name,
    nullif({{ trimmed('Title') }}, '') as job_title,
    reports_to_id,
    cast(born_at as date) as born_on,
    cast(hired_at as date) as hired_on,
    nullif({{ trimmed('Address') }}, '') as street_address,
    nullif({{ trimmed('City') }}, '') as city,
    nullif({{ trimmed('State') }}, '') as state,
    nullif({{ trimmed('Country') }}, '') as country,
    nullif({{ trimmed('PostalCode') }}, '') as postal_code,
    nullif({{ trimmed('Phone') }}, '') as phone,
    nullif({{ trimmed('Fax') }}, '') as fax,
    nullif({{ trimmed('Email') }}, '') as email,
    source_file,
    source_record,
    loaded_at,
    rejection_reason,
    case
        when rejection_reason is not null
            then {{ json_record([
                'EmployeeId', 'LastName', 'FirstName', 'Title', 'ReportsTo', 'BirthDate',
                'HireDate', 'Address', 'City', 'State', 'Country', 'PostalCode', 'Phone', 'Fax',
                'Email'
            ]) }}
    end as rejected_text
from judged
