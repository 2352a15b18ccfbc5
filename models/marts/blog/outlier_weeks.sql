-- Grain: one row per year and week whose number of votes is far from the average.

{{ config(materialized='view') }}

with

weekly_votes as (
    select * from {{ ref('weekly_votes') }}
),

totals as (
    select
        cast(sum(vote_count) as bigint) as total_vote_count,
        count(*) as week_count
    from weekly_votes
)

-- |1 - votes / (total / weeks)| > threshold, multiplied out: in integers it is exact.
select
    weekly_votes.year as {{ adapter.quote('Year') }},
    weekly_votes.week_number as {{ adapter.quote('WeekNumber') }},
    weekly_votes.vote_count as {{ adapter.quote('VoteCount') }}
from weekly_votes
cross join totals
where
    abs(totals.total_vote_count - weekly_votes.vote_count * totals.week_count) * 1000000
    > totals.total_vote_count
    * {{ (number_var('outlier_deviation', 0, whole=false) * 1000000) | round | int }}
order by weekly_votes.year, weekly_votes.week_number
