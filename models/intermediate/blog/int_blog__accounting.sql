-- Grain: one row per raw file of votes that holds at least one landed record.

with

records as (
    select * from {{ ref('int_blog__vote_records') }}
),

outranked as (
    select * from {{ ref('int_blog__votes_outranked') }}
),

votes as (
    select * from {{ ref('votes') }}
),

per_file as (
    select
        source_file,
        count(*) as items,
        count(rejection_reason) as rejected
    from records
    group by source_file
),

outranked_per_file as (
    select
        source_file,
        count(case when outcome = 'duplicate' then 1 end) as duplicate,
        count(case when outcome = 'superseded' then 1 end) as superseded
    from outranked
    group by source_file
),

-- Counted in the mart itself, so that a vote lost on the way there shows.
kept_per_file as (
    select
        source_file,
        count(*) as kept
    from votes
    group by source_file
)

select
    per_file.source_file,
    'blog' as source_name,
    'votes' as table_name,
    per_file.items,
    per_file.rejected,
    cast(0 as bigint) as left_out,
    coalesce(outranked_per_file.duplicate, 0) as duplicate,
    coalesce(outranked_per_file.superseded, 0) as superseded,
    cast(0 as bigint) as redelivered,
    coalesce(kept_per_file.kept, 0) as kept
from per_file
left join outranked_per_file on per_file.source_file = outranked_per_file.source_file
left join kept_per_file on per_file.source_file = kept_per_file.source_file
