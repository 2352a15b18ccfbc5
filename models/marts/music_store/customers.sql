-- Grain: one row per customer.

with

customers as (
    select * from {{ ref('int_music_store__customers') }}
    where outcome = 'kept'
),

employees as (
    select * from {{ ref('int_music_store__employees') }}
    where outcome = 'kept'
)

select
    customers.customer_id,
    concat_ws(' ', customers.first_name, customers.last_name) as customer_name,
    customers.first_name,
    customers.last_name,
    customers.company,
    customers.street_address,
    customers.city,
    customers.state,
    customers.country,
    customers.postal_code,
    customers.phone,
    customers.fax,
    customers.email,
    customers.support_representative_id,
    nullif(
        concat_ws(' ', employees.first_name, employees.last_name), ''
    ) as support_representative_name,
    customers.source_file,
    customers.source_record,
    customers.loaded_at
from customers
left join employees on customers.support_representative_id = employees.employee_id
