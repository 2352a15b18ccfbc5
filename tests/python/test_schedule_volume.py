"""The test on volume: which newest deliveries it names."""

from __future__ import annotations

import re

import duckdb
import pytest
from workbench import PROJECT

TEST = (PROJECT / "tests" / "newest_deliveries_are_of_usual_size.sql").read_text()
QUERY = re.sub(
    r"\{\{ ref\('loaded_files'\) \}\}", "loaded_files", re.sub(r"\{\{ c.*\}\}", "", TEST)
)
USUAL = [100, 104, 96, 100, 102, 98, 100]  # a median of 100, deviations of 2


@pytest.mark.parametrize(
    ("records", "is_named"),
    [
        ([*USUAL, 100], False),
        ([*USUAL, 108], False),
        ([*USUAL, 109], True),
        ([*USUAL, 91], True),
        ([*USUAL[1:], 10], False),
        ([7000, *USUAL * 4, 92], False),
        ([*[10_000] * 30, *USUAL * 4, 109], True),
    ],
)
def test_a_newest_delivery_of_unusual_size_is_named(records, is_named):
    with duckdb.connect() as connection:
        connection.execute(
            "create table loaded_files (source_name text, table_name text, source_file text,"
            " records bigint, landed_file text, redelivery_of text)"
        )
        for table in ("votes", "orders"):
            counts = records if table == "votes" else USUAL[:3]
            connection.executemany(
                "insert into loaded_files values ('shop', ?, ?, ?, 'x', null)",
                [(table, f"{table}/{n:03}.csv", count) for n, count in enumerate(counts)],
            )
        connection.execute(
            "insert into loaded_files values ('shop', 'votes', 'votes/zzz.csv', 1, null, null),"
            " ('shop', 'votes', 'votes/zzy.csv', 1, 'x', 'votes/000.csv')"
        )
        found = connection.execute(QUERY).fetchall()
    assert [row[1] for row in found] == (["votes"] if is_named else [])
