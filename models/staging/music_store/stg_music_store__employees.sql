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
    nullif(trim(FirstName), '') as first_name,
    nullif(trim(LastName), '') as last_name,
    nullif(trim(Title), '') as job_title,
    reports_to_id,
    cast(born_at as date) as born_on,
    cast(hired_at as date) as hired_on,
    nullif(trim(Address), '') as street_address,
    nullif(trim(City), '') as city,
    nullif(trim(State), '') as state,
    nullif(trim(Country), '') as country,
    nullif(trim(PostalCode), '') as postal_code,
    nullif(trim(Phone), '') as phone,
    nullif(trim(Fax), '') as fax,
    nullif(trim(Email), '') as email,
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
