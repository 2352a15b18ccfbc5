-- Which ten weeks had the most votes, and how many times the average was that?

with

weekly_votes as (
    select * from {{ ref('weekly_votes') }}
),

busiest as (
    select
        year,
        week_number,
        vote_count,
        cast(vote_count / average_vote_count as decimal(18, 2)) as times_the_average
    from weekly_votes
    order by vote_count desc, year asc, week_number asc
    limit 10
)

select
    year,
    week_number,
    vote_count,
    times_the_average
from busiest
order by vote_count desc, year asc, week_number asc
