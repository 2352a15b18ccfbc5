-- Grain: one row per build, of the last hundred.

with

builds as (
    select * from {{ ref('builds') }}
)

select
    started_at,
    seconds,
    models_built,
    tests_passed,
    tests_warned
from builds
order by build_number desc
limit 100
