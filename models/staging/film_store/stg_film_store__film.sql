-- Grain: one row per landed film record.

{%- set fields = {
    'film_id': an_integer('film_id', required=true),
    'title': a_text('title', 'a_title', required=true),
    'description': a_text('description'),
    'release_year': an_integer('release_year', 'integer'),
    'rental_rate': a_number('rental_rate', 6, 2, at_least=0, required=true),
    'length': an_integer('length', 'integer', kind='a_length', at_least=0),
    'content_rating': a_text('rating'),
} %}

with

source as (
    select * from {{ source('film_store', 'film') }}
),

validated as (
    {{ validated_fields('source', 'film_store.film', fields) }}
)

select
    film_id,
    title,
    description,
    release_year,
    rental_rate,
    length,
    content_rating,
    source_file,
    source_record,
    loaded_at,
    rejection_reason,
    case
        when rejection_reason is not null then {{ record_text('film_store.film') }}
    end as rejected_text
from validated
