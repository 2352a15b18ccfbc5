-- Grain: one row per landed order record, with what became of it.

with

records as (
    select * from {{ ref('stg_storefront__orders') }}
),

ranked as (
    select
        *,
        row_number() over (
            partition by order_id, rejection_reason is null
            order by source_file desc, source_record desc
        ) as place
    from records
),

winners as (
    select * from ranked
    where
        place = 1
        and rejection_reason is null
)

select
    ranked.order_id,
    ranked.buyer_id,
    ranked.ordered_at,
    ranked.total,
    ranked.status,
    ranked.device,
    ranked.source_file,
    ranked.source_record,
    ranked.loaded_at,
    ranked.rejection_reason,
    ranked.rejected_text,
    case
        when ranked.rejection_reason is not null then 'rejected'
        when ranked.place = 1 then 'kept'
        when
            (ranked.buyer_id is not distinct from winners.buyer_id)
            and ranked.ordered_at = winners.ordered_at
            and (ranked.total is not distinct from winners.total)
            and ranked.status = winners.status
            and ranked.device = winners.device
            then 'duplicate'
        else 'superseded'
    end as outcome
from ranked
left join winners on ranked.order_id = winners.order_id
