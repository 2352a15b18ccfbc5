"""Raw files of a size that is asked for, of records that all land and are all accepted."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

from sample.write import generator, open_file, write_texts

FIRST_DAY = date(2018, 2, 26)
FIVE_YEARS = tuple(FIRST_DAY + timedelta(days=number) for number in range(5 * 365))
# One record in 200 is a copy of the one before; one in 200 supersedes a vote half as far into all.
VOTES = """
select case m % 200
    when 199 then vote(m - 1, ($days)[(i - 1) * len($days) // $records + 1], post_of(m - 1))
    when 100 then replace(
        vote(m, ($days)[i * len($days) // $records + 1], m // 8 + 1000),
        '"Id":"' || vote_id(m), '"Id":"' || vote_id(m // 2)
    )
    else vote(m, ($days)[i * len($days) // $records + 1], post_of(m))
end as text
from (select range as i, range + $first as m from range($records))
"""
EVENTS = """
select message(range, viewed_ms($day, range, $records), true) as text from range($records)
"""


def write_votes(path: Path, size_bytes: int) -> int:
    """Write votes of five years, one JSON object a line, into a file of about so many bytes.

    Returns:
        The number of records in it.
    """
    records = size_bytes // 100
    for _ in range(2):  # the more records, the longer their ids
        values = {"first": records // 2, "records": 5_000, "days": list(FIVE_YEARS)}
        records = size_bytes // _width(VOTES, values)
    return write_votes_of_days(path, first=0, records=records, days=FIVE_YEARS)


def write_votes_of_day(path: Path, *, first: int, records: int, day: date) -> int:
    """Write votes of one day, with ids that follow on those of `first` records in earlier files."""
    return write_votes_of_days(path, first=first, records=records, days=(day,))


def write_votes_of_days(path: Path, *, first: int, records: int, days: tuple[date, ...]) -> int:
    """Write votes of several days, evenly spread over them.

    Args:
        path: the file to write; compressed if its name ends in `.gz`.
        first: how many records come before, in earlier files.
        records: how many to write.
        days: the days on which they were cast.

    Returns:
        The number of records in it.
    """
    with generator(1) as db, open_file(path) as file:
        values = {"first": first, "records": records, "days": list(days)}
        write_texts(file, db.execute(VOTES, values))
    return records


def write_product_events(path: Path, size_bytes: int, *, day: date = date(2020, 2, 27)) -> int:
    """Write messages of one product view each, one a line, into a file of about so many bytes.

    Returns:
        The number of messages in it.
    """
    records = size_bytes // _width(EVENTS, {"records": 5_000, "day": day})
    with generator(1) as db, open_file(path) as file:
        write_texts(file, db.execute(EVENTS, {"records": records, "day": day}))
    return records


def _width(query: str, values: dict[str, object]) -> int:
    with generator(1) as db:
        found = db.execute(f"select avg(strlen(text) + 1) from ({query})", values)
        return int(found.fetchall()[0][0])
