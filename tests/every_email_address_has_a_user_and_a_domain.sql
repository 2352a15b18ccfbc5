-- An address without an @, or with nothing before or after it, reaches nobody.

{{ config(severity='warn', store_failures=false, meta={'rules': ['FILM_STORE-3']}) }}

select
    customer_id,
    email,
    source_file,
    source_record
from {{ ref('film_customers') }}
where
    email is not null
    and email_user is null
