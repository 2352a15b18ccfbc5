"""One more day of votes on top of 1, 10 and 100 days: what a day costs as the history grows."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from datetime import timedelta
from pathlib import Path

import inputs as generator
from builds import MODELS, read_build
from measure import (
    MB,
    Bench,
    BenchError,
    Bound,
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

HISTORIES = (1, 10, 100)  # days
DAY_SHARE = 0.1  # of the benchmark's size
LARGE = 500 * MB

DISK_PER_RAW_BYTE = 2.0  # lake, warehouse and candidate; days are links to the generated ones
SPARE_BYTES = 100 * MB


def measure_days(bench: Bench) -> Section:
    """Measure load and build of one day on top of histories of 1, 10 and 100 such days.

    Args:
        bench: where to work, and on how much: a day is a tenth of its size, so that the longest
            history is ten times it.

    Raises:
        BenchError: if the disk is too full, a program fails, or votes are missing.
    """
    days = _generate(bench)
    work = Path(tempfile.mkdtemp(prefix="days-", dir=bench.folder))
    runs = Runs()
    try:
        for number in range(bench.rounds):
            bench.say(f"round {number + 1} of {bench.rounds}")
            counts = _History(bench, work, days, runs).grow()
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return Section(
        f"one more day of votes, {days[0].stat().st_size / MB:,.0f} MB, on top of many",
        _lines(runs, bench.size_bytes),
        [
            f"{days:,} days have {votes:,} votes in a warehouse of {size / MB:,.0f} MB."
            for days, votes, size in counts
        ],
        runs.as_json(),
    )


def _lines(runs: Runs, size: int) -> list[Line]:
    def name(days: int) -> str:
        return f"a day on top of {days}"

    lines = [Line(name(HISTORIES[0]), "s", runs.median(name(HISTORIES[0])), size_bytes=size)]
    for days in HISTORIES[1:]:
        ours, first = runs.median(name(days)), runs.median(name(HISTORIES[0]))
        bound = Bound(1.5, LARGE) if days == HISTORIES[-1] else None
        parts = runs.medians(name(days), "parts")
        lines.append(Line(name(days), "s", ours, first, name(HISTORIES[0]), bound, size, parts))
    for days in HISTORIES:
        memory = runs.median(name(days), "peak_mb")
        lines.append(
            Line(f"{name(days)}, peak memory", "MB", memory, bound=Bound(2_000), size_bytes=size)
        )
    return lines


class _History:
    """A raw folder that grows by days, with its lake and warehouse."""

    def __init__(self, bench: Bench, work: Path, days: list[Path], runs: Runs) -> None:
        self.bench, self.days, self.runs = bench, days, runs
        self.votes = work / "raw" / "blog" / "votes"
        self.lake, self.warehouse, self.dbt = work / "lake", work / "warehouse.db", work / "dbt"
        self.environment = plain_environment() | {
            "CASEBOOK_RAW": str(work / "raw"),
            "CASEBOOK_LAKE": str(self.lake),
            "CASEBOOK_WAREHOUSE": str(self.warehouse),
            "DBT_TARGET_PATH": str(self.dbt),
            "DBT_LOG_PATH": str(work / "logs"),
        }
        remove(work / "raw", self.lake, self.warehouse)

    def grow(self) -> list[tuple[int, int, int]]:
        """Build each history, then measure the day after it.

        Returns:
            For each: days, votes and the size of the warehouse in bytes after that day.
        """
        found = []
        for days in HISTORIES:
            self._deliver(days)
            self._build(f"history of {days}", days)
            self._deliver(days + 1)
            self._build(f"a day on top of {days}", days + 1)
            votes = self._check(days + 1)
            found.append((days + 1, votes, self.warehouse.stat().st_size))
        return found

    def _deliver(self, days: int) -> None:
        for day in self.days[:days]:
            if not (self.votes / day.name).exists():
                put(day, self.votes / day.name)

    def _build(self, name: str, days: int) -> None:
        settle(self.days[days - 1])
        command = [program("casebook"), "build", "--select", *MODELS]
        done = run(command, self.bench.project, self.environment)
        built = read_build(done, self.lake, self.dbt)
        self.runs.add(name, done, parts=built.parts, slowest_nodes=built.slowest)
        self.bench.say(f"  {name:22} {done.seconds:8.2f} s {done.peak_bytes / MB:8,.0f} MB")

    def _check(self, days: int) -> int:
        """Fail unless the files' distinct ids are the votes, and each record has an outcome."""
        ((votes, items, kept),) = query(
            self.warehouse,
            "select (select count(*) from blog_analysis.votes),"
            " count(*), count(*) filter (outcome = 'kept') from intermediate.int_blog__votes",
        )
        delivered = sum(1 for day in self.days[:days] for _ in day.open("rb"))
        if (items, kept) != (delivered, votes):
            raise BenchError(
                f"{delivered:,} records were delivered, {items:,} are accounted for; {kept:,} are"
                f" kept of {votes:,} votes"
            )
        return votes


def _generate(bench: Bench) -> list[Path]:
    """A file for each day, from an earlier run if it wrote the same ones."""
    day_bytes = max(10_000, round(bench.size_bytes * DAY_SHARE))
    folder = bench.folder / "data" / f"days-{day_bytes}"
    names = [f"day_{number:03}.jsonl" for number in range(HISTORIES[-1] + 1)]
    files = [folder / name for name in names]
    made_by = hashlib.sha256(Path(generator.__file__).read_bytes()).hexdigest()
    note = folder / "data.json"
    known = json.loads(note.read_text(encoding="utf-8")) if note.exists() else {}
    sizes = {file.name: file.stat().st_size for file in folder.glob("*.jsonl")}
    needed = DISK_PER_RAW_BYTE * day_bytes * len(names) + SPARE_BYTES
    if known == {"made_by": made_by, "sizes": sizes}:
        _check_disk(bench, needed)
        return files
    _check_disk(bench, needed + day_bytes * len(names))
    bench.say(f"generating {len(names)} days of {day_bytes / MB:,.1f} MB in {folder}")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    records, written = day_bytes // 95, 0
    for number, file in enumerate(files):
        day = generator.FIRST_DAY + timedelta(days=number)
        written += generator.write_votes_of_day(file, first=written, records=records, day=day)
    sizes = {file.name: file.stat().st_size for file in files}
    note.write_text(json.dumps({"made_by": made_by, "sizes": sizes}), encoding="utf-8")
    return files


def _check_disk(bench: Bench, needed: float) -> None:
    free = shutil.disk_usage(bench.folder).free
    if free < needed:
        raise BenchError(
            f"{bench.folder} has {free / 1e9:.1f} GB free, and this needs about"
            f" {needed / 1e9:.1f} GB: free some, name another disk with --folder, or run a smaller"
            " --scale"
        )
