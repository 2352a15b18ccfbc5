-- Grain: one row per landed media type record, with what became of it.

{{ classified_table(ref('stg_music_store__media_types'), ['media_type_id'], ['media_type_name']) }}
