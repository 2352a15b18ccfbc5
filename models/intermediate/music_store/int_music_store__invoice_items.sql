-- Grain: one row per landed invoice line record, with what became of it.

{{ classified_table(
    ref('stg_music_store__invoice_items'),
    ['invoice_line_id'],
    [
        'invoice_id', 'track_id', 'unit_price', 'quantity'
    ]
) }}
