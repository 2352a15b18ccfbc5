-- The facts of a year add up to its movies, each as often as it has genres, and as often as it has
-- companies, with its budget and its revenue; one that is missing is zero.

{{ config(meta={'rules': ['MOVIES-8', 'MOVIES-10']}) }}

with

movies as (
    select * from {{ ref('movies') }}
    where release_year is not null
),

movie_genres as (
    select * from {{ ref('movie_genres') }}
),

movie_companies as (
    select * from {{ ref('movie_companies') }}
),

genre_year_facts as (
    select * from {{ ref('genre_year_facts') }}
),

company_year_facts as (
    select * from {{ ref('company_year_facts') }}
),

pairs as (
    select
        movie_id,
        'genres' as counted_by
    from movie_genres
    union all
    select
        movie_id,
        'companies' as counted_by
    from movie_companies
),

released as (
    select
        pairs.counted_by,
        movies.release_year,
        count(*) as movie_count,
        coalesce(sum(cast(movies.budget as decimal(38, 0))), 0) as total_budget,
        coalesce(sum(cast(movies.revenue as decimal(38, 0))), 0) as total_revenue,
        count(case when movies.budget > 0 then 1 end) as known_budget_count,
        count(case when movies.revenue > 0 then 1 end) as known_revenue_count
    from pairs
    inner join movies on pairs.movie_id = movies.movie_id
    group by pairs.counted_by, movies.release_year
),

facts as (
    select
        'genres' as counted_by,
        release_year,
        movie_count,
        total_budget,
        total_revenue,
        total_profit,
        known_budget_count,
        known_revenue_count
    from genre_year_facts
    union all
    select
        'companies' as counted_by,
        release_year,
        movie_count,
        total_budget,
        total_revenue,
        total_profit,
        known_budget_count,
        known_revenue_count
    from company_year_facts
),

shown as (
    select
        counted_by,
        release_year,
        sum(movie_count) as movie_count,
        sum(total_budget) as total_budget,
        sum(total_revenue) as total_revenue,
        sum(total_profit) as total_profit,
        sum(known_budget_count) as known_budget_count,
        sum(known_revenue_count) as known_revenue_count
    from facts
    group by counted_by, release_year
)

select
    coalesce(released.counted_by, shown.counted_by) as counted_by,
    coalesce(released.release_year, shown.release_year) as release_year,
    released.movie_count,
    shown.movie_count as movie_count_shown,
    released.total_budget,
    shown.total_budget as total_budget_shown,
    released.total_revenue,
    shown.total_revenue as total_revenue_shown,
    shown.total_profit as total_profit_shown,
    released.known_budget_count,
    shown.known_budget_count as known_budget_count_shown,
    released.known_revenue_count,
    shown.known_revenue_count as known_revenue_count_shown
from released
full outer join shown
    on
        released.counted_by = shown.counted_by
        and released.release_year = shown.release_year
where
    released.movie_count is distinct from shown.movie_count
    or released.total_budget is distinct from shown.total_budget
    or released.total_revenue is distinct from shown.total_revenue
    or released.total_revenue - released.total_budget is distinct from shown.total_profit
    or released.known_budget_count is distinct from shown.known_budget_count
    or released.known_revenue_count is distinct from shown.known_revenue_count
