-- How many files, records and items of each outcome there are of the table $name, and why; with
-- what is delivered once more.
with delivered as (
    select
        t.outcome, t.records, nullif(t.reason, '') as reason,
        if(not copy or t.outcome = 'quarantined', '', if(r.is_keyed, 'duplicate', 'redelivered')) as copied
    from told_now as t
    inner join layouts as l on t.file = l.file and l.table_name = $name and t.records > 0
    inner join raws as r on r.table_name = $name
    inner join (values (false), (true)) as copies (copy) on not copy or l.again is not null
)

select 'files' as outcome, null as reason, count(*) + count(again) as total
from layouts where table_name = $name
union all
select 'records', null, sum(records) from delivered
union all
select
    case
        when copied = 'redelivered' or each in ('kept', 'orphaned') and copied != '' then copied
        else replace(each, 'orphaned', 'rejected')
    end as becomes,
    if(becomes in ('quarantined', 'rejected', 'left_out', 'kept'), reason, null),
    sum(if(each = 'quarantined', records, 1))
from (
    select *, unnest(if(copied = 'redelivered', [copied], string_split(outcome, ','))) as each
    from delivered
)
where each != 'nothing'
group by all;
