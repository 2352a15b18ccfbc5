"""The least that a build of product views could be: DuckDB alone unnests and counts events.

Usage: bare_events.py RAW_FILE DATABASE

The raw file holds an array of messages. What is written are the product views, and how many there
were of each product in each hour of GMT−03:00.
"""

import sys

import duckdb

path, database = sys.argv[1].replace("'", "''"), sys.argv[2]
EVENTS = """
    struct(
        event_type varchar,
        data struct(
            event_name varchar,
            timestamp_unixtime_ms varchar,
            custom_attributes struct(codeColor varchar, actualPrice varchar)
        )
    )[]
"""
with duckdb.connect(database) as connection:
    connection.execute(f"""
        create table product_views as
        select
            make_timestamp((floor(event.data.timestamp_unixtime_ms::decimal(38, 8))::bigint
                - 3 * 3600000) * 1000) as viewed_at,
            event.data.custom_attributes.codeColor as product_id,
            try_cast(event.data.custom_attributes.actualPrice as decimal(18, 4)) as actual_price
        from (
            select unnest(events) as event
            from read_json('{path}', columns = {{events: '{EVENTS}'}})
        )
        where event.event_type = 'custom_event' and event.data.event_name = 'product'
    """)
    connection.execute("""
        create table views_by_hour as
        select date_trunc('hour', viewed_at) as interval_start_at, product_id, count(*) as views
        from product_views
        group by all
    """)
