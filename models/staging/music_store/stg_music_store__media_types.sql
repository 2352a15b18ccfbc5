-- Grain: one row per landed media type record.

with

source as (
    select * from {{ source('music_store', 'media_types') }}
),

typed as (
    select
        {{ cast_integer('MediaTypeId') }} as media_type_id,
        MediaTypeId,
        Name,
        _source_file as source_file,
        _source_record as source_record,
        _loaded_at as loaded_at
    from source
),

judged as (
    select
        *,
        {{ rejection_reason([
            ('MediaTypeId', 'media_type_id', 'an_integer', true),
        ]) }} as rejection_reason
    from typed
)

select
    media_type_id,
    nullif({{ trimmed('Name') }}, '') as media_type_name,
    source_file,
    source_record,
    loaded_at,
    rejection_reason,
    case
        when rejection_reason is not null
            then {{ json_record(['MediaTypeId', 'Name']) }}
    end as rejected_text
from judged
