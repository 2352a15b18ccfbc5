"""Loads of every kind: other formats beside DuckDB alone, files with bad records, small files."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import inputs as generator
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
    remove,
    run,
    settle,
)

SCRIPTS = Path(__file__).parent
MEDIUM, LARGE = 500 * MB, 5_000 * MB
BAD_EVERY = 10_000  # one record in so many of a damaged file cannot be read
DAMAGED_BYTES = 100 * MB  # size of a damaged file at most
UNIT_BYTES = 20 * MB  # a damaged file is to be read at so much a second
SMALL_FILES = 10_000
SMALL_FILE_RECORDS = 20
FORMATS = ("csv", "json")
DAMAGED = ("csv", "json", "jsonl")
NAMES = {"csv": "CSV", "json": "JSON array", "jsonl": "JSON lines"}
# How many bytes of the generator's JSON lines make one byte of a format.
LINES_PER_BYTE = {"csv": 2.22, "json": 0.72, "jsonl": 0.73}
OPTIONS = {"csv": "format csv, header", "json": "format json, array", "jsonl": "format json"}

# Run as processes of their own: what this one holds when it starts another is the least that the
# system reports as the other's peak.
_CONVERT = """
import sys, duckdb
lines, file, options = sys.argv[1:]
columns = "Id PostId VoteTypeId CreationDate UserId BountyAmount".split()
types = ", ".join(f"{column}: 'varchar'" for column in columns)
with duckdb.connect(config={"memory_limit": "4GB"}) as connection:
    connection.execute(
        f"copy (from read_json('{lines}', format = 'newline_delimited', columns = {{{types}}}))"
        f" to '{file}' ({options})"
    )
"""
_COUNT = """
import json, sys, duckdb
files = json.load(sys.stdin)
print(duckdb.execute("select count(*) from read_parquet($1)", [files]).fetchone()[0])
"""


@dataclass(frozen=True)
class Data:
    """Generated raw files, by extension.

    Attributes:
        whole: clean files of the size asked for.
        tenth: clean files of a tenth of that.
        damaged: files in which some records cannot be read.
        small: a folder of small files.
        records: records in each of `whole`, by extension.
        damaged_records: records in each of `damaged`, by extension.
        small_files: how many files `small` holds.
    """

    whole: dict[str, Path]
    tenth: dict[str, Path]
    damaged: dict[str, Path]
    small: Path
    records: dict[str, int]
    damaged_records: dict[str, int]
    small_files: int


def measure_loads(bench: Bench) -> Section:
    """Compare loads of votes in several formats with DuckDB alone, and time the hard cases.

    Args:
        bench: where to work, on how much, and how often.

    Raises:
        BenchError: if a program fails, or not every record was accounted for.
    """
    data = _generate(bench)
    work = Path(tempfile.mkdtemp(prefix="run-", dir=bench.folder))
    runs = Runs()
    try:
        for number in range(bench.rounds):
            bench.say(f"round {number + 1} of {bench.rounds}")
            _Round(bench, data, work, runs).play(number)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    sizes = ", ".join(
        f"{file.stat().st_size / MB:,.0f} MB as {NAMES[form]}" for form, file in data.whole.items()
    )
    facts = [
        f"Every load has all {_listed(data.records)} records, as bare COPY has.",
        f"Damaged files: {_listed(data.damaged_records)} records, one in {BAD_EVERY:,} unreadable,"
        " all accounted for.",
    ]
    return Section(f"Votes: {sizes}", _lines(runs, data, bench.size_bytes), facts, runs.as_json())


def _lines(runs: Runs, data: Data, size: int) -> list[Line]:
    lines = []
    for form in FORMATS:
        name = f"load of a {NAMES[form]} file"
        load, copy = runs.median(f"load {form}"), runs.median(f"copy {form}")
        lines.append(Line(name, "s", load, copy, "bare COPY", Bound(1.6, MEDIUM), size))
        peak, tenth, bare = (
            runs.median(f"{what} {form}", "peak_mb") for what in ("load", "tenth", "copy")
        )
        name += ", peak memory"
        lines.append(Line(name, "MB", peak, bound=Bound(1_000), size_bytes=size))
        lines.append(Line(name, "MB", peak, tenth, "load of a tenth", Bound(1.2, LARGE), size))
        lines.append(Line(name, "MB", peak, bare, "bare COPY", size_bytes=size))
    for form, file in data.damaged.items():
        shares = file.stat().st_size / UNIT_BYTES
        seconds = runs.median(f"damaged {form}") / shares
        name = f"load of damaged {NAMES[form]}, for each {UNIT_BYTES / MB:.0f} MB"
        lines.append(Line(name, "s", seconds, bound=Bound(1.0, MEDIUM), size_bytes=size))
    files = f"{data.small_files:,} small files"
    for name, ran in (
        (f"load of {files}", "small"),
        (f"second load of {files}", "small again"),
        (f"third load of {files}", "small unchanged"),
    ):
        bound = Bound(60.0, MEDIUM) if ran == "small" else None
        lines.append(Line(name, "s", runs.median(ran), bound=bound, size_bytes=size))
    return lines


class _Round:
    """Everything once, on fresh folders."""

    def __init__(self, bench: Bench, data: Data, work: Path, runs: Runs) -> None:
        self.bench, self.data, self.work, self.runs = bench, data, work, runs
        self.lake = work / "lake"
        self.environment = plain_environment() | {
            "CASEBOOK_RAW": str(work / "raw"),
            "CASEBOOK_LAKE": str(self.lake),
            "CASEBOOK_WAREHOUSE": str(work / "warehouse.db"),
        }

    def play(self, number: int) -> None:
        """Run everything; every other round begins with the other side."""
        for form in FORMATS:
            sides: list[Callable[[str], None]] = [self._load, self._copy]
            for side in sides if number % 2 == 0 else reversed(sides):
                side(form)
            self._deliver(self.data.tenth[form])
            self._run(f"tenth {form}", self.data.tenth[form])
        for form, file in self.data.damaged.items():
            self._deliver(file)
            self._run(f"damaged {form}", file)
            records = self.data.damaged_records[form]
            bad = -(-records // BAD_EVERY)
            self._check(records - bad, bad)
        self._small_files()

    def _load(self, form: str) -> None:
        self._deliver(self.data.whole[form])
        self._run(f"load {form}", self.data.whole[form])
        self._check(self.data.records[form], 0)

    def _copy(self, form: str) -> None:
        parquet = self.work / "bare.parquet"
        file = self.data.whole[form]
        self._run(f"copy {form}", file, sys.executable, SCRIPTS / "bare_copy.py", file, parquet)
        rows, records = _count_rows([parquet]), self.data.records[form]
        if rows != records:
            raise BenchError(f"bare COPY has {rows:,} of {records:,} records")
        remove(parquet)

    def _small_files(self) -> None:
        remove(self.work / "raw", self.lake)
        folder = self.work / "raw" / "blog" / "votes"
        shutil.copytree(self.data.small, folder)
        for name in ("small", "small again", "small unchanged"):
            self._run(name)
        self._check(self.data.small_files * SMALL_FILE_RECORDS, 0)

    def _deliver(self, file: Path) -> None:
        remove(self.work / "raw", self.lake)
        put(file, self.work / "raw" / "blog" / "votes" / file.name)

    def _run(self, name: str, file: Path | None = None, *command: str | Path) -> None:
        settle(*([file] if file else []))
        done = run(command or [program("casebook"), "load"], self.bench.project, self.environment)
        self.runs.add(name, done)
        self.bench.say(f"  {name:16} {done.seconds:8.2f} s {done.peak_bytes / MB:8,.0f} MB")

    def _check(self, landed: int, quarantined: int) -> None:
        """Fail unless the ledger and the landed files have these many records."""
        entries = [json.loads(path.read_bytes()) for path in self.lake.rglob("~entry.json")]
        counted = tuple(sum(entry[name] for entry in entries) for name in ("landed", "quarantined"))
        rows = _count_rows([self.lake / entry["landed_file"] for entry in entries])
        if counted != (landed, quarantined) or rows != landed:
            raise BenchError(
                f"{counted} records were landed and quarantined, and {rows:,} are there, where"
                f" {(landed, quarantined)} were delivered"
            )


def _generate(bench: Bench) -> Data:
    """The raw files of a size, from an earlier run if it wrote the same ones."""
    folder = bench.folder / "data" / f"loads-{bench.size_bytes}"
    small = folder / "small"
    note = folder / "data.json"
    made_by = hashlib.sha256(
        b"".join(Path(path).read_bytes() for path in (generator.__file__, __file__))
    ).hexdigest()
    data = Data(
        {form: folder / f"whole.{form}" for form in FORMATS},
        {form: folder / f"tenth.{form}" for form in FORMATS},
        {form: folder / f"damaged.{form}" for form in DAMAGED},
        small,
        {},
        {},
        max(10, round(SMALL_FILES * min(1.0, bench.size_bytes / MEDIUM))),
    )
    if note.exists():
        known = json.loads(note.read_bytes())
        if known.pop("made_by") == made_by:
            return Data(**{**vars(data), **known})
    bench.say(f"generating {bench.size_bytes / MB:,.0f} MB of votes in several formats in {folder}")
    remove(folder)
    folder.mkdir(parents=True)
    records = {form: _write(file, bench.size_bytes) for form, file in data.whole.items()}
    damaged = {}
    for form, file in data.damaged.items():
        clean = folder / f"clean.{form}"
        damaged[form] = _write(clean, min(bench.size_bytes, DAMAGED_BYTES))
        _damage(clean, file)
        clean.unlink()
    for file in data.tenth.values():
        _write(file, bench.size_bytes // 10)
    _write_small(data)
    counts = {"records": records, "damaged_records": damaged}
    note.write_text(json.dumps({"made_by": made_by, **counts}), encoding="utf-8")
    return Data(**{**vars(data), **counts})


def _write(file: Path, size: int) -> int:
    """Write votes as a file of about that size, in the format of its extension."""
    form = file.suffix.removeprefix(".")
    lines = file.with_name("lines.tmp")
    records = generator.write_votes(lines, round(size * LINES_PER_BYTE[form]))
    _python(_CONVERT, lines, file, OPTIONS[form])
    lines.unlink()
    return records


def _count_rows(files: Sequence[Path]) -> int:
    return int(_python(_COUNT, stdin=json.dumps([str(file) for file in files])))


def _python(code: str, *arguments: object, stdin: str = "") -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise BenchError(done.stderr.strip())
    return done.stdout


def _listed(records: dict[str, int]) -> str:
    return ", ".join(f"{count:,} ({NAMES[form]})" for form, count in records.items())


def _damage(clean: Path, damaged: Path) -> None:
    """Copy a file, and make the first of every `BAD_EVERY` records unreadable."""
    header = clean.suffix == ".csv"
    first = 1 if clean.suffix in (".csv", ".json") else 0
    with clean.open("rb") as lines, damaged.open("wb") as out:
        for number, line in enumerate(lines, -first):
            if number >= 0 and number % BAD_EVERY == 0 and line.strip() != b"]":
                line = line.replace(b",", b";" if header else b" ", 1)
            out.write(line)


def _write_small(data: Data) -> None:
    for number in range(data.small_files):
        path = data.small / f"{number % 100:02}" / f"{number:05}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        numbers = range(number * SMALL_FILE_RECORDS, (number + 1) * SMALL_FILE_RECORDS)
        path.write_text(
            "".join(
                json.dumps(
                    {
                        "Id": str(vote),
                        "PostId": str(vote // 3),
                        "VoteTypeId": "2",
                        "CreationDate": f"2022-01-{vote % 28 + 1:02}T00:00:00.000",
                    }
                )
                + "\n"
                for vote in numbers
            ),
            encoding="utf-8",
        )
