-- Grain: one row per landed vote record; rows are only ever added.

{{ config(
    materialized='incremental',
    incremental_strategy='append',
    meta={'built_from': 'blog.votes'},
) }}

with

votes as (
    select * from {{ ref('stg_blog__votes') }}
)

select
    vote_id,
    post_id,
    vote_type_id,
    user_id,
    bounty_amount,
    created_at,
    source_file,
    source_record,
    loaded_at,
    rejection_reason,
    rejected_text
from votes
{% if is_incremental() -%}
    where source_file in {{ pending_files() }}
{%- endif %}
