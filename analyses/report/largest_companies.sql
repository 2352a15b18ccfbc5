-- Grain: one row per company and figure, of the ten companies with the highest revenue.

with

company_year_facts as (
    select * from {{ ref('company_year_facts') }}
),

companies as (
    select
        company_id,
        max(company_name) as company_name,
        sum(total_budget) as budget,
        sum(total_revenue) as revenue,
        sum(total_profit) as profit,
        row_number() over (order by sum(total_revenue) desc, company_id asc) as place
    from company_year_facts
    group by company_id
),

figures as (
    unpivot companies
    on budget, revenue, profit
    into name figure value amount
)

select
    company_id,
    company_name,
    figure,
    cast(amount / 1000000 as decimal(18, 1)) as amount_in_millions
from figures
where place <= 10
order by place asc, figure asc
