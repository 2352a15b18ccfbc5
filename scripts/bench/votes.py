"""One large file of votes: load and build beside DuckDB alone, the next delivery, and memory."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import inputs as generator
from builds import read_build
from measure import (
    MB,
    Bench,
    BenchError,
    Bound,
    Line,
    Run,
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
MARTS = ("+votes", "weekly_votes", "outlier_weeks")
MEDIUM, LARGE = 500 * MB, 5_000 * MB

WARM_UP_BYTES = 1 * MB
DISK_PER_RAW_BYTE = 3.0  # data, lake, candidate, warehouse, the other side's files, spilled rows
SPARE_BYTES = 100 * MB
MORE_SHARE = 0.001  # of the rows, in the file that is delivered later
OUTRANKED_SHARE = 1 / 200  # of the rows supersede an earlier vote, as the generator has it

# An empty dbt project: what any dbt build costs on this machine.
EMPTY_PROJECT = {
    "dbt_project.yml": "name: empty\nversion: '1.0'\nprofile: empty\n",
    "profiles.yml": "empty:\n  target: duckdb\n  outputs:\n    duckdb:\n      type: duckdb\n"
    "      path: empty.db\n      threads: 4\n",
    "models/one.sql": "select 1 as one\n",
}


@dataclass(frozen=True)
class Data:
    """Generated raw files.

    Attributes:
        history: the large file.
        records: records in it.
        size_bytes: its size.
        tenth: a file of a tenth of that size.
        more: the file that is delivered later.
        more_records: records in that.
    """

    history: Path
    records: int
    size_bytes: int
    tenth: Path
    more: Path
    more_records: int


def measure_votes(bench: Bench) -> Section:
    """Compare Casebook with DuckDB alone on one large file of votes.

    Args:
        bench: where to work, on how much, and how often.

    Raises:
        BenchError: if the disk is too full, a program fails, or the two sides disagree.
    """
    _check_disk(bench)
    data = _generate(bench, bench.size_bytes)
    work = Path(tempfile.mkdtemp(prefix="run-", dir=bench.folder))
    try:
        if bench.size_bytes > WARM_UP_BYTES:
            bench.say("a small round first, so that all programs are in memory")
            _Round(bench, _generate(bench, WARM_UP_BYTES), work, Runs(), quiet=True).play(0)
        runs = Runs()
        for number in range(bench.rounds):
            bench.say(f"round {number + 1} of {bench.rounds}")
            agreed = _Round(bench, data, work, runs).play(number)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    title = f"{data.size_bytes / MB:,.0f} MB of votes in one file, {data.records:,} records"
    return Section(title, _lines(runs, bench.size_bytes), agreed, runs.as_json())


def _lines(runs: Runs, size: int) -> list[Line]:
    build, script = runs.median("first build"), runs.median("bare script")
    net = build - runs.median("empty dbt build")
    parts = runs.medians("first build", "parts")

    def memory(name: str, other: str = "", bound: Bound | None = None) -> Line:
        theirs = runs.median(other, "peak_mb") if other else None
        ours = runs.median(name, "peak_mb")
        return Line(f"{name}, peak memory", "MB", ours, theirs, other, bound, size)

    return [
        Line(
            "load",
            "s",
            runs.median("load"),
            runs.median("bare copy"),
            "bare COPY",
            Bound(1.6, MEDIUM),
            size,
        ),
        Line(
            "load + build",
            "s",
            build,
            script,
            "bare script",
            Bound(2.0, LARGE),
            size,
            parts,
        ),
        Line(
            "load + build, less an empty dbt build",
            "s",
            net,
            script,
            "bare script",
            Bound(2.0, MEDIUM),
            size,
            {"load + build": build, "empty dbt build": -runs.median("empty dbt build")},
        ),
        Line("unchanged re-load", "s", runs.median("re-load"), bound=Bound(1.0), size_bytes=size),
        Line(
            f"load + build of {MORE_SHARE:.1%} more rows",
            "s",
            runs.median("next build"),
            build,
            "first build",
            Bound(0.25, LARGE),
            size,
            runs.medians("next build", "parts"),
        ),
        memory("load", bound=Bound(1_000)),
        memory("load", "load of a tenth", Bound(1.2, LARGE)),
        memory("load", "bare copy"),
        memory("re-load"),
        memory("first build", "bare script"),
        memory("next build", "first build"),
        memory("empty dbt build"),
    ]


class _Round:
    """Both sides of everything once, on fresh folders."""

    def __init__(
        self, bench: Bench, data: Data, work: Path, runs: Runs, *, quiet: bool = False
    ) -> None:
        self.bench, self.data, self.work, self.runs, self.quiet = bench, data, work, runs, quiet
        self.votes = work / "raw" / "blog" / "votes"
        self.lake, self.warehouse, self.dbt = work / "lake", work / "warehouse.db", work / "dbt"
        self.parquet, self.database = work / "bare.parquet", work / "bare.db"
        self.environment = plain_environment() | {
            "CASEBOOK_RAW": str(work / "raw"),
            "CASEBOOK_LAKE": str(self.lake),
            "CASEBOOK_WAREHOUSE": str(self.warehouse),
            "DBT_TARGET_PATH": str(self.dbt),
            "DBT_LOG_PATH": str(work / "logs"),
        }

    def play(self, number: int) -> list[str]:
        """Run everything; every other round begins with the other side.

        Args:
            number: the round's number, from 0.

        Returns:
            What the two sides agreed on, in words.
        """
        pairs = [(self._load, self._copy), (self._build, self._script)]
        for ours, theirs in pairs:
            self._deliver(self.data.history)
            for side in (ours, theirs) if number % 2 == 0 else (theirs, ours):
                side()
        agreed = self._compare()
        self._next_build()
        self._check_next()
        self._empty_build()
        self._load_tenth()
        return agreed

    def _deliver(self, file: Path) -> None:
        """Start over with one raw file, nothing loaded and nothing built.

        What dbt keeps of its parse stays, as it does for people: parsing is no part of a build.
        """
        remove(self.work / "raw", self.lake, self.warehouse)
        put(file, self.votes / "history.jsonl")

    def _load(self) -> None:
        self._measure("load", [program("casebook"), "load"], self.data.history)
        self._measure("re-load", [program("casebook"), "load"], self.data.history)

    def _copy(self) -> None:
        command = [sys.executable, SCRIPTS / "bare_copy.py", self.data.history, self.parquet]
        self._measure("bare copy", command, self.data.history, folder=self.work)
        remove(self.parquet)

    def _build(self) -> None:
        self._measure_build("first build", self.data.history)

    def _script(self) -> None:
        remove(self.database)
        command = [sys.executable, SCRIPTS / "bare_votes.py", self.data.history, self.database]
        self._measure("bare script", command, self.data.history, folder=self.work)

    def _next_build(self) -> None:
        put(self.data.more, self.votes / "history_next_day.jsonl")
        self._measure_build("next build", self.data.more, self.warehouse)

    def _empty_build(self) -> None:
        project = self.work / "empty"
        remove(project / "empty.db")
        for name, text in EMPTY_PROJECT.items():
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            (project / name).write_text(text, encoding="utf-8")
        environment = plain_environment() | {"DBT_PROFILES_DIR": str(project)}
        settle()
        done = run([program("dbt"), "build"], project, environment)
        self._keep("empty dbt build", done)

    def _load_tenth(self) -> None:
        self._deliver(self.data.tenth)
        self._measure("load of a tenth", [program("casebook"), "load"], self.data.tenth)

    def _measure(
        self, name: str, command: list[str | Path], *files: Path, folder: Path | None = None
    ) -> None:
        settle(*files)
        done = run(command, folder or self.bench.project, self.environment)
        self._keep(name, done)

    def _measure_build(self, name: str, *files: Path) -> None:
        """Load and build by one command, and tell from what it wrote how long each took."""
        settle(*files)
        command = [program("casebook"), "build", "--select", *MARTS]
        done = run(command, self.bench.project, self.environment)
        built = read_build(done, self.lake, self.dbt)
        self._keep(name, done, parts=built.parts, slowest_nodes=built.slowest)

    def _keep(self, name: str, done: Run, **more: object) -> None:
        self.runs.add(name, done, **more)
        if not self.quiet:
            memory = done.peak_bytes / MB
            self.bench.say(f"  {name:16} {done.seconds:8.2f} s {memory:8,.0f} MB")

    def _compare(self) -> list[str]:
        """Fail unless both sides did the same work.

        The bare script keeps any of the records of a vote, Casebook the last: so a superseded vote
        may be in another week. As many votes, in the same weeks, and a week with equal counts is
        an outlier for both or for neither.
        """
        ours = _weeks(self.warehouse, "blog_analysis.")
        theirs = _weeks(self.database)
        votes = sum(ours.counts.values()), sum(theirs.counts.values())
        if votes[0] != votes[1]:
            raise BenchError(f"Casebook has {votes[0]:,} votes, the bare script {votes[1]:,}")
        if ours.counts.keys() != theirs.counts.keys():
            differ = sorted(ours.counts.keys() ^ theirs.counts.keys())
            raise BenchError(f"only one side has votes in these weeks: {differ}")
        differ = {week for week in ours.counts if ours.counts[week] != theirs.counts[week]}
        moved = sum(abs(ours.counts[week] - theirs.counts[week]) for week in differ) // 2
        if moved > self.data.records * OUTRANKED_SHARE + 1:
            raise BenchError(f"{moved:,} votes are in other weeks: more than were superseded")
        judged = (ours.outliers ^ theirs.outliers) - differ
        if judged:
            raise BenchError(f"only one side calls these weeks outliers: {sorted(judged)}")
        return [
            f"Both have {votes[0]:,} votes in {len(ours.counts)} weeks; outlier weeks:"
            f" {len(ours.outliers)} and {len(theirs.outliers)}.",
            f"The bare script keeps any record of a vote, Casebook the last: {moved:,} votes are in"
            " another week.",
        ]

    def _check_next(self) -> None:
        """Fail unless the second build has exactly the votes of both files."""
        expected = query(
            self.database,
            "select (select count(*) from votes) + (select count(distinct Id) from"
            " read_json($1, columns = {Id: 'bigint'}) anti join votes using (Id))",
            str(self.data.more),
        )[0][0]
        found = query(self.warehouse, "select count(*) from blog_analysis.votes")[0][0]
        if found != expected:
            raise BenchError(
                f"with the second file there are {found:,} votes, where {expected:,} were delivered"
            )


@dataclass(frozen=True)
class _Weeks:
    counts: dict[tuple[int, int], int]
    outliers: set[tuple[int, int]]


def _weeks(database: Path, schema: str = "") -> _Weeks:
    counts = query(database, f"select year, week_number, vote_count from {schema}weekly_votes")
    outliers = query(database, f'select "Year", "WeekNumber" from {schema}outlier_weeks')
    return _Weeks(
        {(year, week): count for year, week, count in counts},
        {(year, week) for year, week in outliers},
    )


def _check_disk(bench: Bench) -> None:
    needed = bench.size_bytes * DISK_PER_RAW_BYTE + SPARE_BYTES
    if (_data_folder(bench, bench.size_bytes) / "data.json").exists():
        needed -= bench.size_bytes * 1.1
    free = shutil.disk_usage(bench.folder).free
    if free < needed:
        raise BenchError(
            f"{bench.folder} has {free / 1e9:.1f} GB free, and this needs about"
            f" {needed / 1e9:.1f} GB: free some, name another disk with --folder, or run a smaller"
            " --scale"
        )


def _data_folder(bench: Bench, size: int) -> Path:
    return bench.folder / "data" / f"votes-{size}"


def _generate(bench: Bench, size: int) -> Data:
    """The raw files of a size, from an earlier run if it wrote the same ones."""
    folder = _data_folder(bench, size)
    history, tenth, more = (folder / f"{name}.jsonl" for name in ("history", "tenth", "next_day"))
    made_by = hashlib.sha256(Path(generator.__file__).read_bytes()).hexdigest()
    note = folder / "data.json"
    if note.exists():
        known = json.loads(note.read_text(encoding="utf-8"))
        sizes = {file.name: file.stat().st_size for file in folder.glob("*.jsonl")}
        if (known["made_by"], known["sizes"]) == (made_by, sizes):
            records = known["records"], known["more_records"]
            return Data(history, records[0], sizes[history.name], tenth, more, records[1])
        note.unlink()
    bench.say(f"generating {size / MB:,.0f} MB of votes in {folder}")
    folder.mkdir(parents=True, exist_ok=True)
    records = generator.write_votes(history, size)
    generator.write_votes(tenth, size // 10)
    day = generator.FIRST_DAY + timedelta(days=5 * 365)  # the one after the large file's last
    more_records = generator.write_votes_of_day(
        more, first=records, records=max(1, round(records * MORE_SHARE)), day=day
    )
    sizes = {file.name: file.stat().st_size for file in (history, tenth, more)}
    said = {"made_by": made_by, "sizes": sizes, "records": records, "more_records": more_records}
    note.write_text(json.dumps(said), encoding="utf-8")
    return Data(history, records, sizes[history.name], tenth, more, more_records)
