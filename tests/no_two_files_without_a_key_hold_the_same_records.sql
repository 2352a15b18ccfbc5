-- Equal content counts once; equal records in files that differ otherwise, in line ends or in
-- order, count each time: someone should look whether it is one delivery.

{{ config(severity='warn', store_failures=false, meta={'rules': ['AUDIT-5']}) }}

with

loaded_files as (
    select * from {{ ref('loaded_files') }}
),

records as (
    {{ record_sets_of_equal_size() }}
),

record_sets as (
    select
        table_name,
        folder,
        source_file,
        count(*) as records,
        sum(record_hash) as set_hash
    from records
    group by table_name, folder, source_file
)

select
    record_sets.table_name,
    min(record_sets.source_file) as source_file,
    max(record_sets.source_file) as other_source_file,
    record_sets.records
from record_sets
inner join loaded_files
    on
        record_sets.source_file = loaded_files.source_file
        and record_sets.table_name = loaded_files.table_name
group by
    record_sets.table_name,
    record_sets.folder,
    record_sets.records,
    record_sets.set_hash
having count(*) > 1
