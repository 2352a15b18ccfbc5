-- Grain: one row per raw file and table of the music store that holds at least one landed record.

{{ outcomes_per_file('music_store', 'artists', ref('int_music_store__artists'), ref('artists')) }}
union all
{{ outcomes_per_file('music_store', 'albums', ref('int_music_store__albums'), ref('albums')) }}
union all
{{ outcomes_per_file('music_store', 'tracks', ref('int_music_store__tracks'), ref('tracks')) }}
union all
{{ outcomes_per_file(
    'music_store', 'genres', ref('int_music_store__genres'), ref('music_genres')
) }}
union all
{{ outcomes_per_file('music_store', 'media_types', ref('int_music_store__media_types')) }}
union all
{{ outcomes_per_file(
    'music_store', 'playlists', ref('int_music_store__playlists'), ref('playlists')
) }}
union all
{{ outcomes_per_file(
    'music_store', 'playlist_track', ref('int_music_store__playlist_track'), ref('playlist_tracks')
) }}
union all
{{ outcomes_per_file(
    'music_store', 'customers', ref('int_music_store__customers'), ref('customers')
) }}
union all
{{ outcomes_per_file('music_store', 'employees', ref('int_music_store__employees')) }}
union all
{{ outcomes_per_file('music_store', 'invoices', ref('int_music_store__invoices')) }}
union all
{{ outcomes_per_file(
    'music_store', 'invoice_items', ref('int_music_store__invoice_items'), ref('sales')
) }}
union all
{{ outcomes_per_file(
    'music_store', 'orders', ref('stg_music_store__orders'), ref('genre_sales'), has_key=false
) }}
union all
{{ outcomes_per_file(
    'music_store',
    'track_facts',
    ref('stg_music_store__track_facts'),
    ref('track_facts'),
    has_key=false
) }}
