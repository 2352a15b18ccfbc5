-- The items of a file are its messages' events, counted in their text, and one for each message
-- without a list. An incremental build counts those of its new files.

{{ config(meta={'rules': ['AUDIT-4', 'STOREFRONT-3']}) }}

{% set added = files_built_in_this_run(ref('int_storefront__product_event_records')) %}

with

messages as (
    select * from {{ ref('stg_storefront__product_events') }}
),

accounting as (
    select * from {{ ref('row_accounting') }}
    where
        source_name = 'storefront'
        and table_name = 'product_events'
        and redelivered = 0
),

delivered as (
    select
        source_file,
        count(*) as messages,
        sum(
            case when rejection_reason is null then {{ json_list_size('events') }} else 1 end
        ) as items
    from messages
    group by source_file
)

select
    accounting.source_file,
    accounting.landed,
    delivered.messages,
    accounting.items,
    delivered.items as items_delivered
from accounting
left join delivered on accounting.source_file = delivered.source_file
where
    {% if added is not none -%}
        accounting.source_file in {{ literal_list(added) }} and
    {% endif -%}
    (
        accounting.landed != coalesce(delivered.messages, 0)
        or accounting.items != coalesce(delivered.items, 0)
    )
