-- Grain: one row per record of the music store that was rejected.

{{ rejected_records_of('music_store', 'artists', ref('int_music_store__artists')) }}
union all
{{ rejected_records_of('music_store', 'albums', ref('int_music_store__albums')) }}
union all
{{ rejected_records_of('music_store', 'tracks', ref('int_music_store__tracks')) }}
union all
{{ rejected_records_of('music_store', 'genres', ref('int_music_store__genres')) }}
union all
{{ rejected_records_of('music_store', 'media_types', ref('int_music_store__media_types')) }}
union all
{{ rejected_records_of('music_store', 'playlists', ref('int_music_store__playlists')) }}
union all
{{ rejected_records_of('music_store', 'playlist_track', ref('int_music_store__playlist_track')) }}
union all
{{ rejected_records_of('music_store', 'customers', ref('int_music_store__customers')) }}
union all
{{ rejected_records_of('music_store', 'employees', ref('int_music_store__employees')) }}
union all
{{ rejected_records_of('music_store', 'invoices', ref('int_music_store__invoices')) }}
union all
{{ rejected_records_of('music_store', 'invoice_items', ref('int_music_store__invoice_items')) }}
union all
{{ rejected_records_of('music_store', 'orders', ref('stg_music_store__orders')) }}
union all
{{ rejected_records_of('music_store', 'track_facts', ref('stg_music_store__track_facts')) }}
