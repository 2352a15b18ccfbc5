-- Grain: one row per landed invoice line record.

with

source as (
    select * from {{ source('music_store', 'invoice_items') }}
),

typed as (
    select
        {{ cast_integer('InvoiceLineId') }} as invoice_line_id,
        {{ cast_integer('InvoiceId') }} as invoice_id,
        {{ cast_integer('TrackId') }} as track_id,
        {{ cast_decimal('UnitPrice', 18, 4) }} as unit_price,
        {{ cast_integer('Quantity', 'integer') }} as pieces,
        InvoiceLineId,
        InvoiceId,
        TrackId,
        UnitPrice,
        Quantity,
        _source_file as source_file,
        _source_record as source_record,
        _loaded_at as loaded_at
    from source
),

judged as (
    select
        *,
        {{ rejection_reason([
            ('InvoiceLineId', 'invoice_line_id', 'an_integer', true),
            ('InvoiceId', 'invoice_id', 'an_integer', true),
            ('TrackId', 'track_id', 'an_integer', true),
            ('UnitPrice', 'unit_price', 'a_number', true),
            ('Quantity', 'pieces', 'an_integer', true),
        ]) }} as rejection_reason
    from typed
)

select
    invoice_line_id,
    invoice_id,
    track_id,
    unit_price,
    pieces as quantity,
    source_file,
    source_record,
    loaded_at,
    rejection_reason,
    case
        when rejection_reason is not null
            then {{ json_record([
                'InvoiceLineId', 'InvoiceId', 'TrackId', 'UnitPrice', 'Quantity'
            ]) }}
    end as rejected_text
from judged
