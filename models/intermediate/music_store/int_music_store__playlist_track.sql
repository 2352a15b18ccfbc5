-- Grain: one row per landed playlist entry record, with what became of it.

{{ classified_table(ref('stg_music_store__playlist_track'), ['playlist_id', 'track_id'], []) }}
