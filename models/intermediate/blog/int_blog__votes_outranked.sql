-- Grain: one row per accepted vote record that a later record of the same vote outranks.

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
    select
        accepted.*,
        row_number() over (
            partition by accepted.vote_id
            order by accepted.source_file desc, accepted.source_record desc
        ) as place
    from accepted
    inner join contested on accepted.vote_id = contested.vote_id
),

winners as (
    select * from contenders
    where place = 1
),

losers as (
    select * from contenders
    where place > 1
)

select
    losers.vote_id,
    losers.source_file,
    losers.source_record,
    case
        when
            losers.post_id = winners.post_id
            and losers.vote_type_id = winners.vote_type_id
            and losers.created_at = winners.created_at
            and (losers.user_id is not distinct from winners.user_id)
            and (losers.bounty_amount is not distinct from winners.bounty_amount)
            then 'duplicate'
        else 'superseded'
    end as outcome
from losers
inner join winners on losers.vote_id = winners.vote_id
