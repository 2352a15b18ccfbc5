-- Grain: one row per landed vote record.

with

source as (
    select * from {{ source('blog', 'votes') }}
),

typed as (
    select
        {{ cast_integer('Id') }} as vote_id,
        {{ cast_integer('PostId') }} as post_id,
        {{ cast_integer('VoteTypeId', 'integer') }} as vote_type_id,
        {{ cast_integer('UserId') }} as user_id,
        {{ cast_integer('BountyAmount', 'integer') }} as bounty_amount,
        {{ cast_timestamp('CreationDate') }} as created_at,
        Id,
        PostId,
        VoteTypeId,
        CreationDate,
        UserId,
        BountyAmount,
        _source_file as source_file,
        _source_record as source_record,
        _loaded_at as loaded_at
    from source
),

judged as (
    select
        *,
        {{ rejection_reason([
            ('Id', 'vote_id', 'an_integer', true),
            ('PostId', 'post_id', 'an_integer', true),
            ('VoteTypeId', 'vote_type_id', 'an_integer', true),
            ('CreationDate', 'created_at', 'a_timestamp', true),
            ('UserId', 'user_id', 'an_integer', false),
            ('BountyAmount', 'bounty_amount', 'an_integer', false),
        ]) }} as rejection_reason
    from typed
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
    case
        when rejection_reason is not null
            then {{ json_record([
                'Id', 'PostId', 'VoteTypeId', 'CreationDate', 'UserId', 'BountyAmount'
            ]) }}
    end as rejected_text
from judged
