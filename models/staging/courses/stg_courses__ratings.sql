-- Grain: one row per landed rating record.

with

source as (
    select * from {{ source('courses', 'ratings') }}
),

typed as (
    select
        {{ cast_integer('user_id') }} as rater_id,
        {{ cast_integer('course_id') }} as rated_course_id,
        -- With nine decimals, so that those show that a rating may not have.
        {{ cast_decimal('rating', 18, 9) }} as number,
        user_id,
        course_id,
        rating,
        _source_file as source_file,
        _source_record as source_record,
        _loaded_at as loaded_at
    from source
),

judged as (
    select
        *,
        {{ rejection_reason([
            ('user_id', 'rater_id', 'an_integer', true),
            ('course_id', 'rated_course_id', 'an_integer', true),
            ('rating', 'number', 'a_number', true),
        ]) }} as cast_failure,
        case
            when number < 0.5 or number > 5 then 'rating: out_of_range'
            when number != round(number, 2) then 'rating: too_many_decimals'
            -- There are more than nine in long texts only; to look at all costs a hundred times as much.
            when length(rating) > 10
                then case
                    when {{ cast_decimal('rating', 38, 20) }} != number
                        then 'rating: too_many_decimals'
                end
        end as rating_failure
    from typed
)

select
    rater_id as user_id,
    rated_course_id as course_id,
    case when rating_failure is null then cast(number as decimal(4, 2)) end as rating,
    source_file,
    source_record,
    loaded_at,
    nullif(concat_ws('; ', cast_failure, rating_failure), '') as rejection_reason,
    -- Of every record: whether its course is known shows later.
    {{ json_record(['user_id', 'course_id', 'rating']) }} as rejected_text
from judged
