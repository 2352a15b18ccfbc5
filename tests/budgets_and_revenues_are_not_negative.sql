-- An amount below zero is in the sums as it was delivered, and in no average. Someone should look.

{{ config(severity='warn', store_failures=false, meta={'rules': ['MOVIES-8']}) }}

select
    movie_id,
    title,
    budget,
    revenue,
    source_file,
    source_record
from {{ ref('movies') }}
where
    budget < 0
    or revenue < 0
