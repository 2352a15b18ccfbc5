-- Grain: one row per landed customer record.

{%- set fields = {
    'customer_id': an_integer('CustomerId', required=true),
    'first_name': a_text('FirstName', 'a_name', required=true),
    'last_name': a_text('LastName', 'a_name', required=true),
    'company': a_text('Company'),
    'street_address': a_text('Address'),
    'city': a_text('City'),
    'state': a_text('State'),
    'country': a_text('Country'),
    'postal_code': a_text('PostalCode'),
    'phone': a_text('Phone'),
    'fax': a_text('Fax'),
    'email': a_text('Email'),
    'support_representative_id': an_integer('SupportRepId'),
} %}

with

source as (
    select * from {{ source('music_store', 'customers') }}
),

validated as (
    {{ validated_fields('source', 'music_store.customers', fields) }}
)

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
    case
        when rejection_reason is not null then {{ record_text('music_store.customers') }}
    end as rejected_text
from validated
