-- Grain: one row per landed vote record.

{%- set fields = {
    'vote_id': an_integer('Id', required=true),
    'post_id': an_integer('PostId', required=true),
    'vote_type_id': an_integer('VoteTypeId', 'integer', required=true),
    'created_at': a_timestamp('CreationDate', required=true),
    'user_id': an_integer('UserId'),
    'bounty_amount': an_integer('BountyAmount', 'integer'),
} %}

with

source as (
    select * from {{ source('blog', 'votes') }}
),

validated as (
    {{ validated_fields('source', 'blog.votes', fields) }}
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
    case when rejection_reason is not null then {{ record_text('blog.votes') }} end as rejected_text
from validated
