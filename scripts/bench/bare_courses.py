"""What a build of recommendations is compared with: the plain way to say it, in DuckDB alone.

Usage: bare_courses.py RATINGS DATABASE

Every user is paired with every rated course, but for those that the user has rated, and the pairs
are ranked. The courses themselves are not read: no figure depends on them. Writes to stdout how
many seconds the last step took.
"""

import json
import sys
import time

import duckdb

path, database = sys.argv[1].replace("'", "''"), sys.argv[2]
with duckdb.connect(database) as connection:
    # The last rating in the file counts.
    connection.execute(f"""
        create table ratings as
        select user_id, course_id, max_by(rating, record) as rating
        from (
            select *, row_number() over () as record
            from read_csv('{path}', columns = {{
                user_id: 'bigint', course_id: 'bigint', rating: 'decimal(4, 2)'
            }})
        )
        group by user_id, course_id
    """)
    # Half up, in integers, as doubles would leave some ties to chance. Ranked here, once: to order
    # pairs by one number DuckDB keeps three a user, to order them by three it sorts them all.
    connection.execute("""
        create table course_ratings as
        select
            *,
            row_number() over (order by millionths desc, rating_count desc, course_id) as place
        from (
            select
                course_id,
                (sum((rating * 100)::bigint) * 20000 + count(*)) // (2 * count(*)) as millionths,
                count(*) as rating_count
            from ratings
            group by course_id
        )
    """)
    began = time.perf_counter()
    connection.execute("""
        create table recommendations as
        select
            user_id,
            row_number() over (partition by user_id order by place) as rank,
            course_id,
            millionths
        from (select distinct user_id from ratings)
        cross join course_ratings
        anti join ratings using (user_id, course_id)
        qualify rank <= 3
    """)
    json.dump({"recommendations": time.perf_counter() - began}, sys.stdout)
