-- Grain: one row per accepted vote record that a later record of the same vote supersedes.

{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key='vote_id',
    meta={'built_from': 'blog.votes'},
) }}

with

-- Imported three times: an engine may hold in memory all that a CTE with several readers holds.
accepted as (
    select * from {{ ref('int_blog__vote_records') }}
    where rejection_reason is null
),

accepted_ids as (
    select vote_id from {{ ref('int_blog__vote_records') }}
    where rejection_reason is null
),
{% if is_incremental() %}
touched as (
    select distinct vote_id from {{ ref('int_blog__vote_records') }}
    where
        rejection_reason is null
        and source_file in {{ pending_files() }}
),
{% endif %}
-- Most votes were delivered once: only those with more than one record are put in order.
contested as (
    select vote_id
    from accepted_ids
    {% if is_incremental() -%}
        where vote_id in (select touched.vote_id from touched)
    {%- endif %}
    group by vote_id
    having count(*) > 1
),

contenders as (
    select accepted.*
    from accepted
    inner join contested on accepted.vote_id = contested.vote_id
),

classified as (
    {{ classified_records(
        'contenders',
        ['vote_id'],
        ['post_id', 'vote_type_id', 'user_id', 'bounty_amount', 'created_at']
    ) }}
)

select
    vote_id,
    source_file,
    source_record,
    outcome
from classified
where outcome != 'kept'
