-- Grain: one row per landed track record, with what became of it.

with

records as (
    select * from {{ ref('stg_music_store__tracks') }}
),

{{ judge_records(
    'records',
    ['track_id'],
    [
        'track_name', 'album_id', 'media_type_id', 'genre_id', 'composer', 'milliseconds',
        'size_bytes', 'unit_price'
    ]
) }}

select
    track_id,
    track_name,
    album_id,
    media_type_id,
    genre_id,
    composer,
    milliseconds,
    size_bytes,
    unit_price,
    source_file,
    source_record,
    loaded_at,
    rejection_reason,
    rejected_text,
    outcome
from judged
