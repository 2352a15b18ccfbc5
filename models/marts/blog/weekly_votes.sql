-- Grain: one row per year and week that has votes.

{{ config(materialized='view') }}

with

votes as (
    select * from {{ ref('votes') }}
),

daily as (
    select
        cast(created_at as date) as created_on,
        count(*) as vote_count
    from votes
    group by cast(created_at as date)
),

dated as (
    select
        cast(extract(year from created_on) as integer) as year,
        {{ week_number('created_on') }} as week_number,
        vote_count
    from daily
),

weekly as (
    select
        year,
        week_number,
        cast(sum(vote_count) as bigint) as vote_count
    from dated
    group by year, week_number
),

totals as (
    select
        cast(sum(vote_count) as bigint) as total_vote_count,
        count(*) as week_count
    from weekly
)

select
    weekly.year,
    weekly.week_number,
    weekly.vote_count,
    {{ quotient('totals.total_vote_count', 'totals.week_count', 6) }} as average_vote_count,
    {{ quotient(
        'abs(totals.total_vote_count - weekly.vote_count * totals.week_count)',
        'totals.total_vote_count',
        6
    ) }} as deviation
from weekly
cross join totals
