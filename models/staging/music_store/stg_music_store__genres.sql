-- Grain: one row per landed genre record.

with

source as (
    select * from {{ source('music_store', 'genres') }}
),

typed as (
    select
        {{ cast_integer('GenreId') }} as genre_id,
        nullif({{ trimmed('Name') }}, '') as genre_name,
        GenreId,
        Name,
        _source_file as source_file,
        _source_record as source_record,
        _loaded_at as loaded_at
    from source
),

judged as (
    select
        *,
        {{ rejection_reason([
            ('GenreId', 'genre_id', 'an_integer', true),
            ('Name', 'genre_name', 'a_name', true),
        ]) }} as rejection_reason
    from typed
)

select
    genre_id,
    genre_name,
    source_file,
    source_record,
    loaded_at,
    rejection_reason,
    case
        when rejection_reason is not null
            then {{ json_record(['GenreId', 'Name']) }}
    end as rejected_text
from judged
