-- Votes of a Q&A site, from 2018-02-26 (a Monday) to 2021-06-30.

create schema blog;
insert into raws values ('blog.votes', 5000, 30, true, true);

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

insert into files select 'blog.votes', * from (values
    ('2018/votes_2018.jsonl', 0, ''),
    ('2019/votes_2019-Q1.jsonl', 970, ''),
    ('2019/votes_2019-Q2.jsonl.gz', 1270, ''),
    ('2019/votes_2019-Q3.json', 1600, 'array pretty'),
    ('2019/votes_2019-Q4.json', 1940, ''),
    ('2020/votes_2020-Q1.jsonl', 2290, 'crlf'),
    ('2020/votes_2020-Q2.jsonl', 2620, 'bom'),
    ('2020/votes_2020-Q3.jsonl', 3000, 'open_end'),
    ('2020/votes_2020-Q4.ndjson', 3360, ''),
    ('2021/votes_2021-Q1.jsonl', 3800, ''),
    ('2021/votes_2021-Q1_late.jsonl', 4420, ''),  -- empty: the next begins there, too
    ('2021/votes_2021-Q2.jsonl', 4420, '')
);
insert into dirt select 'blog.votes', * from (values
    ('superseded, again 700', '', '{"PostId": "77"}'),
    ('rejected', 'Id: missing', '{"Id": null}'),
    ('rejected', 'BountyAmount: not_an_integer', '{"BountyAmount": "INFINITE"}'),
    ('duplicate, again 700', '', '["T00:00:00.000", ""]'),
    ('rejected', 'CreationDate: not_a_timestamp', '{"CreationDate": "2022-02-30T00:00:00.000"}'),
    ('kept', 'unknown_type', '{"VoteTypeId": "13"}'),
    ('rejected, again 700', 'PostId: not_an_integer', '{"PostId": ""}'),
    ('duplicate, again 2', '', '["(\"Id\":\")", "\\1+"]'),
    ('rejected', 'VoteTypeId: not_an_integer', '{"VoteTypeId": "@"}'),
    ('superseded, again 30', '', '["T00:00:00.000", "T12:30:00"]'),
    ('rejected', 'CreationDate: not_a_timestamp', '["T00", "+02:00T00"]'),
    ('rejected', 'UserId: not_an_integer', '{"UserId": "0x10"}'),
    ('rejected', 'Id: not_an_integer', '{"Id": "9223372036854775808"}'),
    ('kept', '', '{"UserId": "9223372036854775807", "VoteTypeId": " +2"}'),
    ('rejected', 'Id: not_an_integer; PostId: missing', '{"Id": "R", "PostId": null}'),
    ('duplicate, again 50', '', '["T00:00:00.000", " 00:00:00"]'),
    ('rejected', 'VoteTypeId: not_an_integer', '{"VoteTypeId": "2147483648"}'),
    ('rejected', 'UserId: not_an_integer', '{"UserId": "４２"}'),
    ('superseded, again 700', '', '{"UserId": "78"}'),
    ('rejected', 'PostId: not_an_integer', '{"PostId": "1_000"}'),
    ('kept', 'null_user', '["\"VoteTypeId\".*,\"Cr", "\"VoteTypeId\":\"2\",\"UserId\":null,\"Cr"]'),
    ('rejected', 'BountyAmount: not_an_integer', '{"BountyAmount": "1e3"}')
);
