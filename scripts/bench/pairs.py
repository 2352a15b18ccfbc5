"""The pairs that `make bench` measures: a command, bare scripts that do the same, and bounds."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import duckdb
import inputs
from measure import MB, MEDIUM, SCRIPTS, BenchError, Other, Pair, Side, program, remove, run
from spark_models import measure_models

LARGE = 5_000 * MB
DAMAGED_BYTES = 100 * MB
SMALL_FILES, SMALL_FILE_RECORDS = 10_000, 20
SHARES = {"0.01%": 0.0001, "1%": 0.01, "99%": 0.99}
FORMATS = {"jsonl": "JSON lines", "json": "a JSON array", "csv": "CSV"}
LOAD = [program("casebook"), "load"]
BUILD = [program("casebook"), "build", "--select", "+votes", "weekly_votes", "outlier_weeks"]


@dataclass(frozen=True)
class Bench:
    """What every section is given."""

    data: Path  # where generated data stays
    work: Path  # where everything else is written
    size_bytes: int  # about how much raw data a section generates
    environment: dict[str, str]  # of the programs, so that they work there


def loads(bench: Bench) -> Iterator[Pair]:
    """`casebook load` of one file beside a bare COPY of DuckDB."""
    for form, name in FORMATS.items():
        votes = _votes(bench, form, bench.size_bytes)
        ours = _load(bench, votes)
        copy = Other(_copy(bench, votes), 1.3)
        check = partial(_check_load, bench, bad=0)
        yield Pair(f"load of {name}", ours, [copy], check=check)
        if form == "jsonl":
            yield Pair("unchanged second load", Side("load", ours.command), bound=1.0)


def damaged(bench: Bench) -> Iterator[Pair]:
    """`casebook load` of files with bad records beside a bare COPY of the same records, clean."""
    size = min(DAMAGED_BYTES, bench.size_bytes)
    for form, name in FORMATS.items():
        clean = _votes(bench, form, size)
        for said, share in SHARES.items():
            write = partial(inputs.write_damaged, clean, share=share)
            raw = inputs.kept(bench.data, f"damaged-{share}-{size}.{form}", write)
            copy = Other(_copy(bench, clean))
            yield Pair(
                f"load of {name}, {said} of it bad",
                _load(bench, raw),
                [copy],
                size_bytes=raw.stat().st_size,
                bound=60.0 if form == "jsonl" else 30.0,
                check=partial(_check_load, bench, bad=None),
            )


def small_files(bench: Bench) -> Iterator[Pair]:
    """`casebook load` of many small files beside a bare COPY of them all."""
    files = max(10, round(SMALL_FILES * min(1.0, bench.size_bytes / MEDIUM)))
    write = partial(inputs.write_small_files, files=files, records=SMALL_FILE_RECORDS)
    raw = inputs.kept(bench.data, f"small-{files}", write)

    def prepare() -> None:
        remove(bench.work / "raw", bench.work / "lake")
        shutil.copytree(raw, bench.work / "raw" / "blog" / "votes")

    name = f"load of {files:,} files of {SMALL_FILE_RECORDS} records"
    parquet = bench.work / "bare.parquet"
    copy = [sys.executable, SCRIPTS / "bare_copy.py", parquet, raw / "**" / "*.jsonl"]
    check = partial(_check_load, bench, bad=0)
    yield Pair(
        name,
        Side("load", LOAD, [raw], prepare),
        [Other(Side("bare COPY", copy))],
        bound=60.0,
        check=check,
    )
    yield Pair(f"second {name}", Side("load", LOAD))
    yield Pair(f"third {name}", Side("load", LOAD))


def builds(bench: Bench) -> Iterator[Pair]:
    """`casebook build` beside a bare script, and beside a dbt-duckdb project with the same SQL."""
    raw = _votes(bench, "jsonl", bench.size_bytes)
    database = bench.work / "bare.db"
    bare = {
        "BARE_RAW": str(raw),
        "BARE_DATABASE": str(database),
        "DBT_PROFILES_DIR": str(SCRIPTS / "bare_votes"),
        "DBT_TARGET_PATH": str(bench.work / "bare_dbt"),
    }
    script = [sys.executable, SCRIPTS / "bare_votes.py"]
    fresh = partial(remove, database)

    def prepare() -> None:
        # What dbt keeps of its parse stays, as it does for people.
        remove(bench.work / "warehouse.db")
        _deliver(bench, raw)

    alone = ([program("dbt"), "build"], [raw], fresh, bare, SCRIPTS / "bare_votes")
    yield Pair(
        "load + build of votes",
        Side("build", BUILD, [raw], prepare),
        [
            Other(Side("bare script", script, [raw], fresh, bare), 2.0, LARGE),
            Other(Side("dbt-duckdb alone", *alone), 1.8 if bench.size_bytes >= LARGE else 1.3),
        ],
        check=partial(_check_build, bench.work / "warehouse.db", database),
    )

    def next_day() -> None:
        day = inputs.FIVE_YEARS[-1] + timedelta(days=1)
        records = max(1, raw.stat().st_size // 100_000)
        path = bench.work / "raw" / "blog" / "votes" / "votes_next.jsonl"
        inputs.write_votes_of_days(path, first=records * 1_000, records=records, days=(day,))

    prepare()
    run(BUILD, bench.environment)
    yield Pair("load + build of 0.1% more", Side("build", BUILD, [raw], next_day))
    yield Pair("load + build of nothing new", Side("build", BUILD), bound=2.0)


def ctr(bench: Bench) -> Iterator[Pair]:
    """`casebook serve` beside the same query in the DuckDB client: the median of an answer."""
    warehouse = bench.work / "warehouse.db"
    remove(bench.work / "raw", bench.work / "lake", warehouse)
    run([program("casebook"), "sample", bench.work / "raw", "--quiet"], bench.environment)
    selected = ("--select", "+ctr", "builds", "--indirect-selection", "cautious")
    run([program("casebook"), "build", "--quiet", *selected], bench.environment)
    inputs.add_views(warehouse, bench.size_bytes)
    with subprocess.Popen(
        [str(program("casebook")), "serve", "--port", "0", "--warehouse", str(warehouse)],
        cwd=SCRIPTS.parents[1],
        env=bench.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        try:
            address = (server.stdout.readline() if server.stdout else "").partition(" ")[0].strip()
            if not address.startswith("http://"):
                raise BenchError("casebook serve did not start; it needs the extra `serve`")
            for name, product, times in (("all products", [], 64), ("one product", ["p7"], 640)):
                share = min(1.0, bench.size_bytes / MEDIUM)
                for clients in (1, 32):
                    each = max(2, round(times * share) // clients)
                    asked = [str(clients), str(each), *product]
                    ours, theirs = (
                        Side(who, [sys.executable, SCRIPTS / "ask_ctr.py", where, *asked])
                        for who, where in (("HTTP", address), ("DuckDB client", warehouse))
                    )
                    is_bound = clients == 1 and not product
                    yield Pair(
                        f"{name}, {clients} client{'s' * (clients > 1)}",
                        ours,
                        [Other(theirs, 1.3 if is_bound else None)],
                        bound=0.010 if clients == 1 and product else None,
                    )
        finally:
            server.terminate()


def combine(bench: Bench) -> Iterator[Pair]:
    """`casebook combine` beside a loop over pandas chunks."""
    write = partial(inputs.write_orders, size_bytes=bench.size_bytes)
    raw = inputs.kept(bench.data, f"combine-{bench.size_bytes}", write)
    ours, theirs = bench.work / "combined", bench.work / "pandas"
    command = [program("casebook"), "combine", raw, ours, "--quiet"]
    loop = [sys.executable, SCRIPTS / "pandas_combine.py", raw, theirs]

    def check() -> str:
        sides = [f"(from read_json('{folder}/*.json.gz'))" for folder in (ours, theirs)]
        query = f"select (select count(*) from {sides[0]}), (select count(*) from {sides[1]}),"
        query += f" (select count(*) from ({sides[0]} except all {sides[1]}))"
        ((records, others, differ),) = duckdb.execute(query).fetchall()
        if records != others or differ:
            raise BenchError(f"{records:,} and {others:,} records, {differ:,} differ")
        return f"Both write the same {records:,} records."

    yield Pair(
        "combine",
        Side("combine", command, [raw], partial(remove, ours)),
        [Other(Side("pandas loop", loop, [raw], partial(remove, theirs)), 0.167, 400 * MB)],
        check=check,
    )


def spark(bench: Bench) -> Iterator[Pair]:
    """Models on Spark by dbt beside the same statements in a bare session, both as warm."""
    votes = _votes(bench, "jsonl", bench.size_bytes)
    _deliver(bench, votes)
    events = bench.work / "raw" / "storefront" / "product_events" / "iOS" / "events.jsonl"
    inputs.write_product_events(events, bench.size_bytes)
    ours, theirs = measure_models(bench.work, bench.environment)
    yield Pair(
        "all models of +votes and +product_views",
        Side("dbt", ours),
        [Other(Side("bare session", theirs), 1.3)],
    )


SECTIONS: dict[str, Callable[[Bench], Iterator[Pair]]] = {
    one.__name__: one for one in (loads, damaged, small_files, builds, ctr, combine, spark)
}
BESIDES = {"spark"}  # needs Java and minutes: measured where it is asked for


def _votes(bench: Bench, form: str, size: int) -> Path:
    write = partial(inputs.write_votes, size_bytes=size)
    return inputs.kept(bench.data, f"votes-{size}.{form}", write)


def _deliver(bench: Bench, file: Path) -> None:
    """Start over with one raw file and nothing loaded."""
    remove(bench.work / "raw", bench.work / "lake")
    votes = bench.work / "raw" / "blog" / "votes"
    votes.mkdir(parents=True)
    (votes / file.name).hardlink_to(file)


def _load(bench: Bench, raw: Path) -> Side:
    return Side("load", LOAD, [raw], partial(_deliver, bench, raw))


def _copy(bench: Bench, raw: Path) -> Side:
    parquet = bench.work / "bare.parquet"
    command = [sys.executable, SCRIPTS / "bare_copy.py", parquet, raw]
    return Side("bare COPY", command, [raw], partial(remove, parquet))


def _check_load(bench: Bench, bad: int | None) -> str:
    """Fail unless each record that bare COPY has is landed or, where some are bad, quarantined."""
    entries = [json.loads(path.read_bytes()) for path in (bench.work / "lake").rglob("~entry.json")]
    landed, quarantined = (sum(one[key] for one in entries) for key in ("landed", "quarantined"))
    found = duckdb.execute(
        "select count(*) from read_parquet(?)", [str(bench.work / "bare.parquet")]
    )
    ((copied,),) = found.fetchall()
    if landed + quarantined != copied or (quarantined == 0) != (bad == 0):
        raise BenchError(f"{landed:,} landed, {quarantined:,} quarantined, COPY has {copied:,}")
    return f"{landed:,} records landed and {quarantined:,} were quarantined, of {copied:,}."


def _check_build(ours: Path, theirs: Path) -> str:
    """Fail unless both have as many votes in the same weeks.

    The bare script keeps any of the records of a vote, Casebook the last, so a superseded vote may
    be in another week.
    """
    weeks = []
    for path, schema in ((ours, "blog_analysis."), (theirs, "")):
        with duckdb.connect(str(path), read_only=True) as connection:
            asked = f"select year, week_number, vote_count from {schema}weekly_votes"
            weeks.append({row[:2]: row[2] for row in connection.execute(asked).fetchall()})
    totals = [sum(side.values()) for side in weeks]
    if totals[0] != totals[1] or weeks[0].keys() != weeks[1].keys():
        raise BenchError(f"votes: {totals[0]:,} and {totals[1]:,}, in other weeks")
    moved = sum(abs(weeks[0][week] - weeks[1][week]) for week in weeks[0]) // 2
    return f"Both have {totals[0]:,} votes in {len(weeks[0])} weeks, {moved:,} in another week."
