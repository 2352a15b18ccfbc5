-- Grain: one row per landed album record, with what became of it.

{{ classified_table(ref('stg_music_store__albums'), ['album_id'], ['album_title', 'artist_id']) }}
