-- Grain: one row per vote.

{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key='vote_id',
    meta={'built_from': 'blog.votes', 'partition_column': 'created_month'},
) }}

with

latest as (
    select * from {{ ref('int_blog__votes') }}
    where
        outcome = 'kept'
    {% if is_incremental() -%}
        and source_file in {{ pending_files() }}
    {%- endif %}
),

vote_types as (
    select * from {{ ref('vote_types') }}
)

select
    latest.vote_id,
    latest.post_id,
    latest.vote_type_id,
    vote_types.vote_type,
    latest.user_id,
    latest.bounty_amount,
    latest.created_at,
    latest.source_file,
    latest.source_record,
    latest.loaded_at,
    cast(date_trunc('month', latest.created_at) as date) as created_month
from latest
left join vote_types on latest.vote_type_id = vote_types.vote_type_id
