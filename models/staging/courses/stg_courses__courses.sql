-- Grain: one row per landed course record.

with

source as (
    select * from {{ source('courses', 'courses') }}
),

typed as (
    select
        {{ cast_integer('course_id') }} as catalogue_id,
        nullif({{ trimmed('title') }}, '') as name,
        nullif({{ lowered(trimmed('programming_language')) }}, '') as language,
        course_id,
        title,
        description,
        programming_language,
        _source_file as source_file,
        _source_record as source_record,
        _loaded_at as loaded_at
    from source
),

judged as (
    select
        *,
        {{ rejection_reason([
            ('course_id', 'catalogue_id', 'an_integer', true),
            ('title', 'name', 'a_title', true),
        ]) }} as rejection_reason
    from typed
)

select
    catalogue_id as course_id,
    name as title,
    description,
    language as programming_language,
    source_file,
    source_record,
    loaded_at,
    rejection_reason,
    case
        when rejection_reason is not null
            then {{ json_record(['course_id', 'title', 'description', 'programming_language']) }}
    end as rejected_text
from judged
