-- Grain: one row per film and film that is recommended to those who like it.

with

ratings as (
    select * from {{ ref('film_ratings') }}
),

films as (
    select * from {{ ref('int_film_store__rated_films') }}
),

rating_counts as (
    select
        customer_id,
        count(*) as rating_count
    from ratings
    group by customer_id
),

ordered as (
    select
        customer_id,
        row_number() over (order by rating_count desc, customer_id asc) as place
    from rating_counts
),

-- Who rated very many films would make a pair of any two of them. Each film knows instead, by a bit
-- for each of these few, which of them rated it.
set_apart as (
    select
        customer_id,
        cast(power(2, place - 1) as integer) as rater_bit
    from ordered
    where place <= {{ number_var('customers_set_apart', 0) }}
),

rated as (
    select
        ratings.customer_id,
        films.place,
        coalesce(set_apart.rater_bit, 0) as rater_bit
    from ratings
    inner join films on ratings.film_id = films.film_id
    left join set_apart on ratings.customer_id = set_apart.customer_id
),

marked as (
    select
        place,
        cast(sum(rater_bit) as integer) as raters
    from rated
    group by place
),

other_marked as (
    select * from marked
),

others as (
    select
        customer_id,
        place
    from rated
    where rater_bit = 0
),

pairs as (
    select
        others.place,
        also_rated.place as other_place,
        count(*) as common_raters
    from others
    inner join others as also_rated
        on
            others.customer_id = also_rated.customer_id
            and others.place < also_rated.place
    group by others.place, also_rated.place
),

sides as (
    select 1 as side
    union all
    select 2 as side
),

-- Of films that the same of the customers set apart have rated, only the first four by rating
-- can be among a film's first three, if nobody else makes a pair of them: one of the four may be
-- itself.
equals as (
    select
        place,
        raters,
        row_number() over (partition by raters order by place) as place_among_equals
    from marked
    where raters > 0
),

candidates as (
    select
        case when sides.side = 1 then pairs.place else pairs.other_place end as place,
        case when sides.side = 1 then pairs.other_place else pairs.place end as other_place,
        pairs.common_raters
    from pairs
    cross join sides
    union all
    select
        marked.place,
        equals.place as other_place,
        0 as common_raters
    from marked
    inner join equals
        on
            marked.place != equals.place
            and (marked.raters & equals.raters) > 0
    where equals.place_among_equals <= 4
),

-- More common raters first, then the film's place by rating: one number says both.
scored as (
    select
        candidates.place,
        (candidates.common_raters + bit_count(marked.raters & other_marked.raters)) * 4294967296
        - candidates.other_place as score
    from candidates
    inner join marked on candidates.place = marked.place
    inner join other_marked on candidates.other_place = other_marked.place
),

-- A film may be a candidate both ways, so the first three are among the first six.
best as (
    select
        place,
        {{ greatest_few('score', 6) }} as scores
    from scored
    group by place
),

listed as (
    select
        place,
        {{ explode('scores', 'score', 'position') }}
    from best
),

distinct_films as (
    select
        place,
        4294967296 - score % 4294967296 as other_place,
        max(score) as score
    from listed
    group by place, 4294967296 - score % 4294967296
),

recommended as (
    select * from films
),

ranked as (
    select
        place,
        other_place,
        score,
        row_number() over (partition by place order by score desc) as rank
    from distinct_films
)

select
    films.film_id,
    cast(ranked.rank as integer) as rank,
    recommended.film_id as recommended_film_id,
    cast((ranked.score + ranked.other_place) / 4294967296 as bigint) as common_rater_count
from ranked
inner join films on ranked.place = films.place
inner join recommended on ranked.other_place = recommended.place
where ranked.rank <= 3
