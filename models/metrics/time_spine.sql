-- Grain: one row per day of two centuries.

{{ config(materialized="view", schema="intermediate", group="audit", access="protected") }}

with

days as (
    {{ days_between('1900-01-01', '2100-12-31') }}
)

select cast(day as date) as day
from days
