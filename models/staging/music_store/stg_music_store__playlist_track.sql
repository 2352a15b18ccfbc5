-- Grain: one row per landed playlist entry record.

{%- set fields = {
    'playlist_id': an_integer('PlaylistId', required=true),
    'track_id': an_integer('TrackId', required=true),
} %}

with

source as (
    select * from {{ source('music_store', 'playlist_track') }}
),

validated as (
    {{ validated_fields('source', 'music_store.playlist_track', fields) }}
)

select
    playlist_id,
    track_id,
    source_file,
    source_record,
    loaded_at,
    rejection_reason,
    case
        when rejection_reason is not null then {{ record_text('music_store.playlist_track') }}
    end as rejected_text
from validated
