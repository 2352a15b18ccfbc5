"""What one might write in place of Casebook: DuckDB alone reads votes, keeps one per Id, and finds
the outlier weeks. It has no ledger and no tests, does not say what was wrong with a record, and
keeps any of the records with the same Id.

Usage: bare_votes.py RAW_FILE DATABASE_FILE
"""

import sys

import duckdb

raw, database = sys.argv[1:]
with duckdb.connect(database) as connection:
    connection.execute(
        """
        create table votes as
        select distinct on (Id) *
        from read_json(
            $1,
            columns = {
                Id: 'bigint',
                PostId: 'bigint',
                VoteTypeId: 'integer',
                CreationDate: 'timestamp',
                UserId: 'bigint',
                BountyAmount: 'integer'
            }
        )
        """,
        [raw],
    )
    connection.execute("""
        create view weekly_votes as
        with daily as (
            select CreationDate, count(*) as vote_count from votes group by CreationDate
        )
        select
            year(CreationDate) as year,
            cast(strftime(CreationDate, '%W') as integer) as week_number,
            cast(sum(vote_count) as bigint) as vote_count
        from daily
        group by 1, 2
    """)
    connection.execute("""
        create view outlier_weeks as
        with totals as (
            select cast(sum(vote_count) as bigint) as votes, count(*) as weeks from weekly_votes
        )
        select year as "Year", week_number as "WeekNumber", vote_count as "VoteCount"
        from weekly_votes cross join totals
        where abs(votes - vote_count * weeks) * 10 > votes * 2
        order by year, week_number
    """)
    print(len(connection.execute("from outlier_weeks").fetchall()), "outlier weeks")
