with totals as (
    select cast(sum(vote_count) as bigint) as votes, count(*) as weeks
    from {{ ref('weekly_votes') }}
)

select year as "Year", week_number as "WeekNumber", vote_count as "VoteCount"
from {{ ref('weekly_votes') }} cross join totals
where abs(votes - vote_count * weeks) * 10 > votes * 2
order by year, week_number
