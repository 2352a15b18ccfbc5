-- AUDIT-5: all records of a redelivered file are redelivered; those of the first file count.

{{ config(meta={'rules': ['AUDIT-5']}) }}

with

loaded_files as (
    select * from {{ ref('loaded_files') }}
),

accounting as (
    select * from {{ ref('row_accounting') }}
)

select
    again.source_file,
    again.redelivery_of,
    first_delivery.redelivery_of as first_is_redelivery_of,
    accounting.landed,
    accounting.items,
    accounting.redelivered
from loaded_files as again
inner join accounting on again.source_file = accounting.source_file
left join loaded_files as first_delivery on again.redelivery_of = first_delivery.source_file
where
    (
        again.redelivery_of is null
        and accounting.redelivered != 0
    )
    or (
        again.redelivery_of is not null
        and (
            accounting.redelivered != accounting.landed
            or accounting.items != accounting.landed
            or first_delivery.landed_file is null
            or first_delivery.redelivery_of is not null
            or first_delivery.file_hash != again.file_hash
        )
    )
