-- Grain: one row per build. The build itself adds its row when it ends; see `record_build`.

{{ config(
    materialized='incremental',
    incremental_strategy='append',
    full_refresh=false,
    on_schema_change='append_new_columns',
) }}

select
    cast(null as {{ type_string() }}) as build_id,
    cast(null as {{ type_string() }}) as git_revision,
    cast(null as {{ type_string() }}) as engine,
    cast(null as {{ type_string() }}) as versions,
    cast(null as {{ type_timestamp() }}) as started_at,
    cast(null as decimal(12, 3)) as seconds,
    cast(null as {{ type_string() }}) as rows_per_mart,
    cast(null as integer) as models_built,
    cast(null as integer) as tests_passed,
    cast(null as integer) as tests_warned,
    cast(null as integer) as tests_failed,
    cast(null as {{ type_bigint() }}) as build_number
where false
