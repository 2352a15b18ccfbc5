{{ config(materialized='table') }}
select distinct on (Id) *
from read_json(
    '{{ env_var("BARE_RAW") }}',
    columns = {
        Id: 'bigint',
        PostId: 'bigint',
        VoteTypeId: 'integer',
        CreationDate: 'timestamp',
        UserId: 'bigint',
        BountyAmount: 'integer'
    }
)
