with daily as (
    select CreationDate, count(*) as vote_count from {{ ref('votes') }} group by CreationDate
)

select
    year(CreationDate) as year,
    cast(strftime(CreationDate, '%W') as integer) as week_number,
    cast(sum(vote_count) as bigint) as vote_count
from daily
group by 1, 2
