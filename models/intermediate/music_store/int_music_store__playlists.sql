-- Grain: one row per landed playlist record, with what became of it.

{{ classified_table(ref('stg_music_store__playlists'), ['playlist_id'], ['playlist_name']) }}
