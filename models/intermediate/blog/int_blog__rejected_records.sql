-- Grain: one row per landed vote record that was rejected.

with

records as (
    select * from {{ ref('int_blog__vote_records') }}
)

select
    source_file,
    source_record,
    cast(null as integer) as source_item,
    'blog' as source_name,
    'votes' as table_name,
    rejection_reason as reasons,
    rejected_text as raw_text
from records
where rejection_reason is not null
