-- Grain: one row per landed rating record.

{%- set fields = {
    'user_id': an_integer('user_id', required=true),
    'course_id': an_integer('course_id', required=true),
    'number': a_number('rating', 18, 9, required=true),
} %}

with

source as (
    select * from {{ source('courses', 'ratings') }}
),

validated as (
    {{ validated_fields('source', 'courses.ratings', fields) }}
),

-- With more decimals than a rating may have, so that these show.
rated as (
    select
        *,
        case
            when number < 0.5 or number > 5 then 'rating: out_of_range'
            when number != round(number, 2) then 'rating: too_many_decimals'
        end as rating_failure
    from validated
)

select
    user_id,
    course_id,
    case when rating_failure is null then cast(number as decimal(4, 2)) end as rating,
    source_file,
    source_record,
    loaded_at,
    nullif(concat_ws('; ', rejection_reason, rating_failure), '') as rejection_reason,
    -- Of every record: whether its course is known shows later.
    {{ record_text('courses.ratings') }} as rejected_text
from rated
