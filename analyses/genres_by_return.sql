-- Which genres earned most per dollar that they cost, over movies of which both are known?

with

movies as (
    select * from {{ ref('movies') }}
    where
        is_budget_known
        and is_revenue_known
),

movie_genres as (
    select * from {{ ref('movie_genres') }}
),

genres as (
    select * from {{ ref('genres') }}
),

summed as (
    select
        genres.genre_id,
        genres.genre_name,
        count(*) as movie_count,
        sum(cast(movies.budget as decimal(38, 0))) as total_budget,
        sum(cast(movies.revenue as decimal(38, 0))) as total_revenue
    from movie_genres
    inner join movies on movie_genres.movie_id = movies.movie_id
    inner join genres on movie_genres.genre_id = genres.genre_id
    group by genres.genre_id, genres.genre_name
)

select
    genre_id,
    genre_name,
    movie_count,
    total_budget,
    total_revenue,
    {{ quotient('total_revenue', 'total_budget', 2) }} as revenue_per_dollar
from summed
order by revenue_per_dollar desc nulls last, genre_id asc
