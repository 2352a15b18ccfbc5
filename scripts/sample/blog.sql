-- Votes of a Q&A site, from 2018-02-26 (a Monday) to 2021-06-30.

create schema blog;
-- How busy each day is: the week's rhythm, growth, and noise by week; in one the site was down.
create view busy_days as
select
    date '2018-02-26' + d as day,
    if(d // 7 = 128, 0, pick([16, 18, 17, 17, 16, 10, 10], d) * (200 + d // 7)
        * (70 + draw(d // 7, 1, 60)) * if(draw(d // 7, 2, 10) = 0, 2, 1)) as busy,
    sum(busy) over (order by d) - busy as before
from (select cast(range as integer) as d from range(1221))
qualify busy > 0;

create macro vote_id(n) as 1 + n + n // 5 + n // 23;
create macro vote_type(t) as case
    when t < 741 then 2 when t < 816 then 3 when t < 878 then 5 when t < 925 then 1
    when t < 956 then 16 when t < 983 then 10 when t < 990 then 15 when t < 994 then 12
    else t % 6 + 4
end;
-- As text; few posts get many votes.
create macro vote(n, day, post) as '{"Id":"' || vote_id(n) || '","PostId":"' || post
    || '","VoteTypeId":"' || vote_type(draw(n, 3, 1000)) || '",'
    || if(vote_type(draw(n, 3, 1000)) in (5, 8), '"UserId":"' || 2 + draw(n, 4, 3000) || '",', '')
    || if(vote_type(draw(n, 3, 1000)) in (8, 9), '"BountyAmount":"' || 50 * (1 + n % 3) || '",', '')
    || '"CreationDate":"' || day || 'T00:00:00.000"}';
create macro post_of(n) as abs(n // 4 - 800 // (1 + draw(n, 5, 400)))
    // pick([1, 1, 4, 16, 64], draw(n, 6, 5)) * pick([1, 1, 4, 16, 64], draw(n, 6, 5)) + 1;

create view blog.votes as
select r.n, r.slot, vote(r.n, d.day, post_of(r.n)) as record
from numbers(5000) as r
asof join (
    select day, before * scaled(5000, 5000) // (select sum(busy) from busy_days) as first
    from busy_days
) as d on r.n >= d.first;
