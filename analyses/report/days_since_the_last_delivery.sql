-- Grain: one row per raw table that was ever delivered, at the time of the last build.

with

loaded_files as (
    select * from {{ ref('loaded_files') }}
),

builds as (
    select * from {{ ref('builds') }}
),

last_build as (
    select max(started_at) as started_at
    from builds
)

select
    loaded_files.source_name || '.' || loaded_files.table_name as raw_table,
    count(*) as files,
    max(loaded_files.loaded_at) as last_loaded_at,
    greatest(
        date_diff('day', max(loaded_files.loaded_at), max(last_build.started_at)), 0
    ) as days
from loaded_files
cross join last_build
group by loaded_files.source_name, loaded_files.table_name
having max(loaded_files.loaded_at) is not null
order by days desc, raw_table asc
