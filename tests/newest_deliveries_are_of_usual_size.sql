-- A delivery that breaks off, or comes twice in one, is still well-formed: its size shows it. The
-- newest delivery of a table, the last in file order, has as many records as its last 28, give or
-- take four median absolute deviations; from 8 deliveries on.

{{ config(severity='warn', store_failures=false) }}

with

loaded_files as (
    select * from {{ ref('loaded_files') }}
),

deliveries as (
    select
        source_name,
        table_name,
        source_file,
        records,
        row_number() over (
            partition by source_name, table_name
            order by source_file desc
        ) as place
    from loaded_files
    where landed_file is not null and redelivery_of is null
),

usual as (
    select
        source_name,
        table_name,
        median(records) as usual_records
    from deliveries
    where place between 2 and 29
    group by source_name, table_name
    having count(*) >= 7
),

spread as (
    select
        usual.source_name,
        usual.table_name,
        usual.usual_records,
        median(abs(deliveries.records - usual.usual_records)) as deviation
    from usual
    inner join deliveries
        on
            usual.source_name = deliveries.source_name
            and usual.table_name = deliveries.table_name
    where deliveries.place between 2 and 29
    group by usual.source_name, usual.table_name, usual.usual_records
)

select
    deliveries.source_file,
    deliveries.table_name,
    deliveries.records,
    spread.usual_records,
    spread.deviation
from deliveries
inner join spread
    on
        deliveries.source_name = spread.source_name
        and deliveries.table_name = spread.table_name
where
    deliveries.place = 1
    and abs(deliveries.records - spread.usual_records) > 4 * spread.deviation
