-- Grain: one row per landed track fact record.

with

source as (
    select * from {{ source('music_store', 'track_facts') }}
),

typed as (
    select
        nullif({{ trimmed('genre') }}, '') as genre_name,
        {{ cast_decimal('minutes', 18, 6) }} as track_minutes,
        {{ cast_decimal('price', 18, 4) }} as track_price,
        genre,
        minutes,
        price,
        _source_file as source_file,
        _source_record as source_record,
        _loaded_at as loaded_at
    from source
),

judged as (
    select
        *,
        {{ rejection_reason([
            ('genre', 'genre_name', 'a_name', true),
            ('minutes', 'track_minutes', 'a_number', true),
            ('price', 'track_price', 'a_number', false),
        ]) }} as rejection_reason
    from typed
)

select
    genre_name,
    track_minutes as minutes,
    track_price as price,
    source_file,
    source_record,
    loaded_at,
    rejection_reason,
    case
        when rejection_reason is not null
            then {{ json_record(['genre', 'minutes', 'price']) }}
    end as rejected_text
from judged
