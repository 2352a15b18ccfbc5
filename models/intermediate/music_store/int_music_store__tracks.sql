-- Grain: one row per landed track record, with what became of it.

{{ classified_table(
    ref('stg_music_store__tracks'),
    ['track_id'],
    [
        'track_name', 'album_id', 'media_type_id', 'genre_id', 'composer', 'milliseconds',
        'size_bytes', 'unit_price'
    ]
) }}
