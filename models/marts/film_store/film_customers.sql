-- Grain: one row per customer.

-- The table is film_store.customers: another case has customers, too, and names of models are unique.
{{ config(alias='customers') }}

with

customers as (
    select * from {{ ref('int_film_store__customers') }}
    where outcome = 'kept'
),

ratings as (
    select * from {{ ref('film_ratings') }}
),

rated as (
    select
        customer_id,
        {{ quotient('sum(rating)', 'count(*)', 6) }} as average_rating,
        count(*) as rating_count
    from ratings
    group by customer_id
),

-- The last @ of an address, counted from its end.
addressed as (
    select
        *,
        position('@' in reverse(email)) as at_place
    from customers
),

split as (
    select
        *,
        at_place > 1 and at_place < length(email) as is_address
    from addressed
)

select
    split.customer_id,
    split.first_name,
    split.last_name,
    split.active,
    split.email,
    case
        when split.is_address then left(split.email, cast(length(split.email) - split.at_place as integer))
    end as email_user,
    case
        when split.is_address then {{ lowered("right(split.email, cast(split.at_place - 1 as integer))") }}
    end as email_domain,
    rated.average_rating,
    coalesce(rated.rating_count, 0) as rating_count,
    split.source_file,
    split.source_record,
    split.loaded_at
from split
left join rated on split.customer_id = rated.customer_id
