-- Grain: one row per landed genre record, with what became of it.

{{ classified_table(ref('stg_music_store__genres'), ['genre_id'], ['genre_name']) }}
