-- Grain: one row per landed message of product events.

with

source as (
    select * from {{ source('storefront', 'product_events') }}
),

typed as (
    select
        {{ json_structs('events', product_event_fields()) }} as event_list,
        events,
        _path_platform as platform,
        _source_file as source_file,
        _source_record as source_record,
        _loaded_at as loaded_at
    from source
),

judged as (
    select
        *,
        {{ rejection_reason([('events', 'event_list', 'a_list', true)]) }} as rejection_reason
    from typed
)

select
    platform,
    events,
    event_list,
    source_file,
    source_record,
    loaded_at,
    rejection_reason,
    case when rejection_reason is not null then {{ json_record(['events']) }} end as rejected_text
from judged
