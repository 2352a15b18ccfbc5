"""Generated raw files of a size that is asked for; they stay until the generator changes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import duckdb
from measure import remove
from sample.write import HERE, generator, open_file, write_texts

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
# In the twenty files of `combine`, by the number of the file: two of CSV, two of JSON lines.
ORDERS = """
copy (
    select
        {number} * 10000000 + range as order_id,
        100000 + draw(range, {number}, 900000) as customer_id,
        strftime(date '2020-01-01' + draw(range, {number}, 2000)::int, '%Y-%m-%dT10:15:00')
            as ordered_at,
        pick(['Anorak, lined', 'Boots', 'Monitor 27"', 'Écharpe', 'Mug'], range) as product,
        1 + draw(range, 1, 9) as quantity,
        draw(range, 2, 20000) / 100 as unit_price,
        if(draw(range, 3, 10) < 3, draw(range, 4, 300) / 1000, null) as discount,
        pick(['DE', 'FR', 'BR', 'NL'], draw(range, 5, 97)) as country,
        pick([null, null, null, 'gift', 'second floor, left'], draw(range, 6, 97)) as note
    from range({records})
) to '{file}' ({options})
"""
CONVERT = """
copy (from read_json('{lines}', format = 'newline_delimited', columns = {{
    Id: 'varchar', PostId: 'varchar', VoteTypeId: 'varchar', CreationDate: 'varchar',
    UserId: 'varchar', BountyAmount: 'varchar'
}})) to '{file}' ({options})
"""
SMALL_VOTE = (
    '{{"Id":"{0}","PostId":"7","VoteTypeId":"2","CreationDate":"2022-01-09T00:00:00.000"}}\n'
)
OPTIONS = {"csv": "format csv, header", "json": "format json, array"}
# How many bytes of votes as JSON lines make one byte of a format, without what is null there.
LINES_PER_BYTE = {"csv": 2.22, "json": 0.72, "jsonl": 1.0}


def kept(folder: Path, name: str, write: Callable[[Path], None]) -> Path:
    """A file or folder that an earlier run wrote with the same programs, or else a new one.

    Args:
        folder: where generated data stays.
        name: says all that it depends on, apart from the programs.
        write: writes it to the path that it is given.
    """
    programs = [Path(__file__), *sorted(HERE.glob("*.*"))]
    made_by = hashlib.sha256(b"".join(path.read_bytes() for path in programs)).hexdigest()[:12]
    path = folder / made_by / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"partial-{name}")
        remove(partial)
        write(partial)
        partial.replace(path)
    return path


def write_votes(path: Path, size_bytes: int) -> None:
    """Write votes of five years, of which all are accepted, into a file of about that size.

    Args:
        path: of JSON lines, `.csv` or, with `.json`, an array.
        size_bytes: of the file.
    """
    form = path.suffix.removeprefix(".")
    lines_bytes = round(size_bytes * LINES_PER_BYTE[form])
    values = {"first": lines_bytes // 200, "records": 5_000, "days": list(FIVE_YEARS)}
    records = max(1, lines_bytes // _width(VOTES, values))
    if form == "jsonl":
        write_votes_of_days(path, first=0, records=records, days=FIVE_YEARS)
        return
    lines = path.with_name("lines.tmp")
    write_votes_of_days(lines, first=0, records=records, days=FIVE_YEARS)
    duckdb.execute(CONVERT.format(lines=lines, file=path, options=OPTIONS[form]))
    lines.unlink()


def write_votes_of_days(path: Path, *, first: int, records: int, days: tuple[date, ...]) -> None:
    """Write votes, a JSON object a line, evenly spread over days; `first` others come before."""
    with generator(1) as db, open_file(path) as file:
        values = {"first": first, "records": records, "days": list(days)}
        write_texts(file, db.execute(VOTES, values))


def write_product_events(path: Path, size_bytes: int, day: date = date(2020, 2, 27)) -> None:
    """Write messages of one product view each, one a line, into a file of about so many bytes."""
    records = max(1, size_bytes // _width(EVENTS, {"records": 5_000, "day": day}))
    with generator(1) as db, open_file(path) as file:
        write_texts(file, db.execute(EVENTS, {"records": records, "day": day}))


def write_damaged(clean: Path, damaged: Path, share: float) -> None:
    """Copy a file of votes, and make a share of its records unreadable, evenly spread.

    Args:
        clean: the file: a record a line, after the header of CSV or the bracket of an array.
        damaged: the file to write.
        share: 0.0001 for one in 10,000; above 0.5 as many are left whole as that leaves.
    """
    every = round(1 / min(share, 1 - share))
    old, new = (b",", b";") if clean.suffix == ".csv" else (b'":', b'" ')
    with clean.open("rb") as lines, damaged.open("wb") as out:
        for number, line in enumerate(lines, 0 if clean.suffix == ".jsonl" else -1):
            is_bad = (number % every == every // 2) == (share <= 0.5)
            is_record = number >= 0 and line.strip() != b"]"
            out.write(line.replace(old, new, 1) if is_record and is_bad else line)


def write_small_files(folder: Path, files: int, records: int) -> None:
    """Write small files of votes, a hundred to a folder."""
    for number in range(files):
        path = folder / f"{number % 100:02}" / f"{number:05}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        votes = range(number * records, (number + 1) * records)
        path.write_text("".join(map(SMALL_VOTE.format, votes)), encoding="utf-8")


def write_orders(folder: Path, size_bytes: int) -> None:
    """Write twenty files of orders in five subfolders, of CSV with `,` and `;` and JSON lines."""
    with generator(1) as db:
        for number in range(20):
            file = folder / f"shop_{number // 4 + 1}" / f"{number % 4}.jsonl"
            options, width = "format json", 170
            if number % 4 < 2:
                file = file.with_suffix(".csv")
                options, width = f"format csv, header, delimiter '{',;'[number % 2]}'", 70
            file.parent.mkdir(parents=True, exist_ok=True)
            records = max(10, size_bytes // 20 // width)
            db.execute(ORDERS.format(number=number, records=records, file=file, options=options))


def add_views(warehouse: Path, size_bytes: int) -> None:
    """Add generated product views, as many as so many bytes of messages, and purchases."""
    days = max(1, size_bytes // 400 // 42_000)
    for table, at, number in (
        ("product_views", "viewed_at", days * 42_000),
        ("purchases", "purchased_at", days * 2_100),
    ):
        with duckdb.connect(str(warehouse)) as connection:
            # Popular products are viewed more often than others.
            connection.execute(
                f"""
                insert into storefront.{table}
                select any_row.* replace (
                    timestamp '2022-01-01' + to_microseconds(n * {days * 86_400_000_000 // number})
                        as {at},
                    ['Android', 'MobileWeb', 'iOS'][1 + n * 7 // 5 % 3] as platform,
                    'p' || n * 7919 % 4000 * (n * 104729 % 4000) // 4000 as product_id
                )
                from range({number}) as numbers (n)
                cross join (from storefront.{table} limit 1) as any_row
                order by n
                """
            )


def _width(query: str, values: dict[str, object]) -> int:
    with generator(1) as db:
        found = db.execute(f"select avg(strlen(text) + 1) from ({query})", values)
        return int(found.fetchall()[0][0])
