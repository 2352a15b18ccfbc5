-- Grain: one row per landed course record.

{%- set fields = {
    'course_id': an_integer('course_id', required=true),
    'title': a_text('title', 'a_title', required=true),
    'description': field('description'),
    'programming_language': a_text('programming_language'),
} %}

with

source as (
    select * from {{ source('courses', 'courses') }}
),

validated as (
    {{ validated_fields('source', 'courses.courses', fields) }}
)

select
    course_id,
    title,
    description,
    {{ lowered('programming_language') }} as programming_language,
    source_file,
    source_record,
    loaded_at,
    rejection_reason,
    case
        when rejection_reason is not null then {{ record_text('courses.courses') }}
    end as rejected_text
from validated
