-- Grain: one row per landed vote record, with what became of it.

{{ config(materialized='view') }}

with

records as (
    select * from {{ ref('int_blog__vote_records') }}
),

superseded as (
    select * from {{ ref('int_blog__votes_superseded') }}
)

select
    records.vote_id,
    records.post_id,
    records.vote_type_id,
    records.user_id,
    records.bounty_amount,
    records.created_at,
    records.source_file,
    records.source_record,
    records.loaded_at,
    records.rejection_reason,
    records.rejected_text,
    case
        when records.rejection_reason is not null then 'rejected'
        else coalesce(superseded.outcome, 'kept')
    end as outcome
from records
left join superseded
    on
        records.vote_id = superseded.vote_id
        and records.source_record = superseded.source_record
        and records.source_file = superseded.source_file
