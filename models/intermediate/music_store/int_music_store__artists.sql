-- Grain: one row per landed artist record, with what became of it.

{{ classified_table(ref('stg_music_store__artists'), ['artist_id'], ['artist_name']) }}
