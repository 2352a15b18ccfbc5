"""One large file of product events: load and build beside DuckDB alone."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from inputs import write_product_events
from measure import (
    MB,
    Bench,
    BenchError,
    Line,
    Runs,
    Section,
    plain_environment,
    program,
    put,
    query,
    remove,
    run,
    settle,
)

SCRIPTS = Path(__file__).parent
TIMES = 2  # so many times the raw data of other sections: 1 GB where those have 500 MB
MODELS = ("+ctr_by_interval", "--indirect-selection", "buildable")


def measure_events(bench: Bench) -> Section:
    """Compare a load and build of product events with DuckDB alone.

    Args:
        bench: where to work, on how much, and how often.

    Raises:
        BenchError: if a program fails, or the two sides do not count the same views.
    """
    size = bench.size_bytes * TIMES
    raw = bench.folder / "data" / f"events-{size}.json"
    if not raw.exists():
        bench.say(f"generating {size / MB:,.0f} MB of product events in {raw}")
        raw.parent.mkdir(parents=True, exist_ok=True)
        partial = raw.with_name(f"partial-{raw.name}")
        write_product_events(partial, size)
        partial.replace(raw)
    work = Path(tempfile.mkdtemp(prefix="run-", dir=bench.folder))
    runs = Runs()
    try:
        for number in range(bench.rounds):
            bench.say(f"round {number + 1} of {bench.rounds}")
            views = _play(bench, raw, work, runs, number)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    ours, theirs = runs.median("load + build"), runs.median("bare script")
    memory = runs.median("load + build", "peak_mb"), runs.median("bare script", "peak_mb")
    lines = [
        Line("load + build of product events", "s", ours, theirs, "bare script", size_bytes=size),
        Line("its peak memory", "MB", *memory, "bare script", size_bytes=size),
    ]
    facts = [
        f"Both have {views:,} views, and as many of each product in each hour.",
        "The bare script keeps no record of where a view came from, reads no orders, and writes no"
        " purchases and no audit.",
    ]
    return Section(
        f"{raw.stat().st_size / MB:,.0f} MB of product events in one file",
        lines,
        facts,
        runs.as_json(),
    )


def _play(bench: Bench, raw: Path, work: Path, runs: Runs, number: int) -> int:
    """Both sides once, on fresh folders; returns how many views there are."""
    warehouse, database = work / "warehouse.db", work / "bare.db"
    remove(work / "raw", work / "lake", warehouse, database)
    put(raw, work / "raw" / "storefront" / "product_events" / "iOS" / "events.json")
    environment = plain_environment() | {
        "CASEBOOK_RAW": str(work / "raw"),
        "CASEBOOK_LAKE": str(work / "lake"),
        "CASEBOOK_WAREHOUSE": str(warehouse),
        "DBT_TARGET_PATH": str(work / "dbt"),
        "DBT_LOG_PATH": str(work / "logs"),
    }
    sides = [
        ("load + build", [program("casebook"), "build", "--select", *MODELS]),
        ("bare script", [sys.executable, SCRIPTS / "bare_events.py", raw, database]),
    ]
    for name, command in sides if number % 2 == 0 else reversed(sides):
        settle(raw)
        done = run(command, bench.project, environment)
        runs.add(name, done)
        bench.say(f"  {name:16} {done.seconds:8.2f} s {done.peak_bytes / MB:8,.0f} MB")
    # Summed up the same way on both sides: a view in another hour or of another product shows.
    summed = (
        "select count(*)::bigint, sum({views})::bigint,"
        " bit_xor(hash(interval_start_at, product_id, {views}::bigint))::varchar from {table}"
    )
    ours = query(
        warehouse, summed.format(views="product_views", table="storefront.ctr_by_interval")
    )
    theirs = query(database, summed.format(views="views", table="views_by_hour"))
    if ours != theirs:
        raise BenchError(f"Casebook counts {ours[0]}, the bare script {theirs[0]}")
    return ours[0][1]
