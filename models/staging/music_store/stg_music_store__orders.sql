-- Grain: one row per landed sale record.

with

source as (
    select * from {{ source('music_store', 'orders') }}
),

typed as (
    select
        {{ cast_timestamp('invoice_date') }} as invoiced_at,
        {{ cast_decimal('UnitPrice', 18, 4) }} as unit_price,
        {{ cast_integer('Quantity', 'integer') }} as pieces,
        nullif({{ trimmed('genre') }}, '') as genre_name,
        {{ cast_decimal('minutes', 18, 6) }} as track_minutes,
        invoice_date,
        UnitPrice,
        Quantity,
        genre,
        media_type,
        minutes,
        _source_file as source_file,
        _source_record as source_record,
        _loaded_at as loaded_at
    from source
),

judged as (
    select
        *,
        {{ rejection_reason([
            ('invoice_date', 'invoiced_at', 'a_timestamp', true),
            ('UnitPrice', 'unit_price', 'a_number', true),
            ('Quantity', 'pieces', 'an_integer', true),
            ('genre', 'genre_name', 'a_name', true),
            ('minutes', 'track_minutes', 'a_number', false),
        ]) }} as rejection_reason
    from typed
)

select
    invoiced_at,
    genre_name,
    nullif({{ trimmed('media_type') }}, '') as media_type_name,
    track_minutes as minutes,
    unit_price,
    pieces as quantity,
    source_file,
    source_record,
    loaded_at,
    rejection_reason,
    case
        when rejection_reason is not null
            then {{ json_record([
                'invoice_date', 'UnitPrice', 'Quantity', 'genre', 'media_type', 'minutes'
            ]) }}
    end as rejected_text
from judged
