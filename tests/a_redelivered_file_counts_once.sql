-- All records of a redelivered file are redelivered; those of the first file count.

{{ config(meta={'rules': ['AUDIT-5']}) }}

with

loaded_files as (
    select * from {{ ref('loaded_files') }}
),

accounting as (
    select * from {{ ref('row_accounting') }}
),

first_deliveries as (
    select * from {{ ref('loaded_files') }}
    where redelivery_of is null
)

select
    loaded_files.source_file,
    loaded_files.redelivery_of,
    accounting.landed,
    accounting.items,
    accounting.redelivered
from loaded_files
inner join accounting on loaded_files.source_file = accounting.source_file
left join first_deliveries
    on
        loaded_files.redelivery_of = first_deliveries.source_file
        and loaded_files.content_hash = first_deliveries.content_hash
where
    (
        loaded_files.redelivery_of is null
        and accounting.redelivered != 0
    )
    or (
        loaded_files.redelivery_of is not null
        and (
            accounting.redelivered != accounting.landed
            or accounting.items != accounting.landed
            or first_deliveries.landed_file is null
        )
    )
