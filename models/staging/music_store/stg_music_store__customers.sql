-- Grain: one row per landed customer record.

with

source as (
    select * from {{ source('music_store', 'customers') }}
),

typed as (
    select
        {{ cast_integer('CustomerId') }} as customer_id,
        nullif({{ trimmed('FirstName') }}, '') as first_name,
        nullif({{ trimmed('LastName') }}, '') as last_name,
        {{ cast_integer('SupportRepId') }} as support_representative_id,
        CustomerId,
        FirstName,
        LastName,
        Company,
        Address,
        City,
        State,
        Country,
        PostalCode,
        Phone,
        Fax,
        Email,
        SupportRepId,
        _source_file as source_file,
        _source_record as source_record,
        _loaded_at as loaded_at
    from source
),

judged as (
    select
        *,
        {{ rejection_reason([
            ('CustomerId', 'customer_id', 'an_integer', true),
            ('FirstName', 'first_name', 'a_name', true),
            ('LastName', 'last_name', 'a_name', true),
            ('SupportRepId', 'support_representative_id', 'an_integer', false),
        ]) }} as rejection_reason
    from typed
)

select
    customer_id,
    first_name,
    last_name,
    nullif({{ trimmed('Company') }}, '') as company,
    nullif({{ trimmed('Address') }}, '') as street_address,
    nullif({{ trimmed('City') }}, '') as city,
    nullif({{ trimmed('State') }}, '') as state,
    nullif({{ trimmed('Country') }}, '') as country,
    nullif({{ trimmed('PostalCode') }}, '') as postal_code,
    nullif({{ trimmed('Phone') }}, '') as phone,
    nullif({{ trimmed('Fax') }}, '') as fax,
    nullif({{ trimmed('Email') }}, '') as email,
    support_representative_id,
    source_file,
    source_record,
    loaded_at,
    rejection_reason,
    case
        when rejection_reason is not null
            then {{ json_record([
                'CustomerId', 'FirstName', 'LastName', 'Company', 'Address', 'City', 'State',
                'Country', 'PostalCode', 'Phone', 'Fax', 'Email', 'SupportRepId'
            ]) }}
    end as rejected_text
from judged
