-- Grain: one row per landed playlist record.

{%- set fields = {
    'playlist_id': an_integer('PlaylistId', required=true),
    'playlist_name': a_text('Name'),
} %}

with

source as (
    select * from {{ source('music_store', 'playlists') }}
),

validated as (
    {{ validated_fields('source', 'music_store.playlists', fields) }}
)

select
    playlist_id,
    playlist_name,
    source_file,
    source_record,
    loaded_at,
    rejection_reason,
    case
        when rejection_reason is not null then {{ record_text('music_store.playlists') }}
    end as rejected_text
from validated
