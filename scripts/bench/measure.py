"""Run a program, and tell how long it took and how much memory it and its children held.

Also what a benchmark is made of: a `Section` per case, with a `Line` for each thing compared.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Any

MB = 1_000_000
SAMPLE_SECONDS = 0.02
WATCH_SECONDS = 0.2
CHUNK = 1 << 20

# Run as a process of its own, so that this one stays small: what a process holds when it starts
# another is the least that the system reports as the other's peak.
_QUERY = """
import json, sys, duckdb
asked = json.load(sys.stdin)
with duckdb.connect(asked["database"], read_only=True) as connection:
    json.dump(connection.execute(asked["sql"], asked["parameters"]).fetchall(), sys.stdout)
"""


class BenchError(Exception):
    """Something that was to be measured did not run, or the two sides did different work."""


@dataclass(frozen=True)
class Bench:
    """What every section is given.

    Attributes:
        project: the dbt project's folder.
        folder: where generated data stays; everything is written below it.
        size_bytes: about how much raw data a section generates.
        rounds: how often each side runs.
        say: takes a line about how far it is.
    """

    project: Path
    folder: Path
    size_bytes: int
    rounds: int
    say: Callable[[str], None]


@dataclass(frozen=True)
class Run:
    """One run of a program.

    Attributes:
        seconds: wall time from its start to its end.
        peak_bytes: most memory that it and its children held at once, as resident set size.
        output: what it wrote to stdout.
        started: when it started, in seconds since 1970.
        failure: why it was stopped, or what it said before it ended with another status than 0;
            empty if it did neither.
    """

    seconds: float
    peak_bytes: int
    output: str
    started: float
    failure: str = ""


@dataclass(frozen=True)
class Bound:
    """What a figure must not exceed.

    Attributes:
        most: the bound, in the figure's unit, or of the ratio where two sides are compared.
        from_bytes: smallest amount of raw data that it is meant for.
    """

    most: float
    from_bytes: int = 0


@dataclass(frozen=True)
class Line:
    """One figure of Casebook's, perhaps beside what it is compared with.

    Attributes:
        name: what was measured.
        unit: `s`, `ms`, `MB`, `MiB` or `/s`.
        ours: Casebook's figure.
        theirs: the other side's, or None.
        against: what the other side is; empty where there is none.
        bound: of the ratio, or of `ours` where there is no other side; None where there is none.
        size_bytes: how much raw data it is about.
        parts: what `ours` is made up of, in the same unit.
    """

    name: str
    unit: str
    ours: float
    theirs: float | None = None
    against: str = ""
    bound: Bound | None = None
    size_bytes: int = 0
    parts: Mapping[str, float] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        """Casebook's figure over the other side's."""
        return self.ours / self.theirs if self.theirs else None

    @property
    def verdict(self) -> str:
        """`met`, `missed`, `not at this size`, or empty where there is no bound."""
        if self.bound is None:
            return ""
        if self.size_bytes < self.bound.from_bytes:
            return "not at this size"
        value = self.ours if self.ratio is None else self.ratio
        return "met" if value <= self.bound.most else "missed"

    def as_json(self) -> dict[str, Any]:
        """The line with what follows from it."""
        return {**asdict(self), "ratio": self.ratio, "verdict": self.verdict}


@dataclass(frozen=True)
class Section:
    """What a case's benchmark found.

    Attributes:
        title: what it is about, with the amount of data.
        lines: what was measured.
        facts: what the two sides agreed on, and anything else worth knowing, in words.
        runs: seconds and peak bytes of every single run, by what ran.
    """

    title: str
    lines: Sequence[Line]
    facts: Sequence[str]
    runs: Mapping[str, Sequence[Mapping[str, Any]]]

    def as_json(self) -> dict[str, Any]:
        """The section as JSON values."""
        return {
            "title": self.title,
            "lines": [line.as_json() for line in self.lines],
            "facts": list(self.facts),
            "runs": {name: list(runs) for name, runs in self.runs.items()},
        }


class Runs:
    """All runs of a section, by what ran, with their medians."""

    def __init__(self) -> None:
        self._runs: dict[str, list[dict[str, Any]]] = {}

    def add(self, name: str, run: Run, **more: object) -> None:
        """Keep a run, with figures of its own, such as what its seconds are made up of."""
        row = {"seconds": run.seconds, "peak_mb": run.peak_bytes / MB, **more}
        self._runs.setdefault(name, []).append(row)

    def median(self, name: str, figure: str = "seconds") -> float:
        """The median of a figure over the runs of `name`."""
        return median(run[figure] for run in self._runs[name])

    def medians(self, name: str, figure: str) -> dict[str, float]:
        """The same for a figure that is made up of parts."""
        parts = [run[figure] for run in self._runs[name]]
        return {part: median(one[part] for one in parts) for part in parts[0]}

    def as_json(self) -> dict[str, list[dict[str, Any]]]:
        """Every run."""
        return self._runs


def run(
    command: Sequence[str | Path],
    folder: Path,
    environment: Mapping[str, str],
    *,
    watch: Callable[[], str] | None = None,
    may_fail: bool = False,
) -> Run:
    """Run a program to its end.

    Args:
        command: the program and its arguments.
        folder: where it runs.
        environment: all of its environment.
        watch: called some times a second while it runs. If it returns a text, the program and its
            children are killed, and that is why.
        may_fail: whether to return a run that failed.

    Raises:
        BenchError: if it fails, unless it may.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        started, clock = time.time(), time.perf_counter()
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
        )
        sampler = _Sampler(process.pid, watch)
        try:
            sampler.start()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            seconds = time.perf_counter() - clock
        finally:
            if process.returncode is None:
                process.kill()
                process.wait()
            sampler.stop()
        output.seek(0)
        text = output.read().decode("utf-8", "replace")
        failure = sampler.stopped
        if process.returncode != 0 and not failure:
            errors.seek(0)
            said = (text + errors.read().decode("utf-8", "replace")).strip()[-4_000:]
            words = " ".join(str(part) for part in command)
            failure = f"this ended with status {process.returncode}: {words}\n{said}"
    if failure and not may_fail:
        raise BenchError(failure)
    # The system knows each process' own peak, however short; the sampler their sum.
    largest = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Run(seconds, max(sampler.peak_bytes, largest), text, started, failure)


def query(database: Path, sql: str, *parameters: str) -> list[list[Any]]:
    """What a query of a DuckDB file returns; it must be of JSON values.

    Raises:
        BenchError: if it fails.
    """
    asked = {"database": str(database), "sql": sql, "parameters": parameters}
    done = subprocess.run(
        [sys.executable, "-c", _QUERY],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise BenchError(f"this query of {database} failed: {sql}\n{done.stderr.strip()}")
    return json.loads(done.stdout)


def plain_environment() -> dict[str, str]:
    """The environment without what the shell says of a Casebook or dbt project of yours."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("CASEBOOK_", "DBT_"))
    } | {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}


def program(name: str) -> Path:
    """A program of the virtual environment that this runs in."""
    return Path(sys.executable).with_name(name)


def settle(*files: Path) -> None:
    """Make runs start alike: earlier ones' output is on the disk, the input in the page cache."""
    os.sync()
    buffer = bytearray(CHUNK)
    for path in files:
        with path.open("rb", buffering=0) as file:
            while file.readinto(buffer):
                pass


def put(file: Path, place: Path) -> None:
    """Deliver a file to a raw folder: as a hard link, or as a copy where disks do not allow it."""
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        place.hardlink_to(file)
    except OSError:
        shutil.copyfile(file, place)


def size_on_disk(path: Path) -> int:
    """Bytes on the disk of a file, or of all below a folder; 0 where there is nothing."""
    found = 0
    # Unlike rglob, os.walk takes it that a folder is removed meanwhile.
    below = (Path(folder, name) for folder, *names in os.walk(path) for name in chain(*names))
    for file in (path, *below):
        try:
            found += file.lstat().st_blocks * 512
        except OSError:  # it has just been removed
            continue
    return found


def remove(*paths: Path) -> None:
    """Remove files and folders, where they exist."""
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


class _Sampler(threading.Thread):
    """Adds up the resident memory of a process and all below it, many times a second.

    Pages that several of them share count once for each. Without /proc it sees nothing.
    Kills them all when `watch` says why.
    """

    def __init__(self, pid: int, watch: Callable[[], str] | None) -> None:
        super().__init__(daemon=True)
        self.peak_bytes = 0
        self.stopped = ""
        self._pid, self._watch, self._ended = pid, watch, threading.Event()

    def run(self) -> None:
        page = os.sysconf("SC_PAGE_SIZE")
        watched = 0.0
        while not self._ended.wait(SAMPLE_SECONDS):
            tree = _tree(self._pid)
            held = sum(_resident_pages(pid) for pid in tree)
            self.peak_bytes = max(self.peak_bytes, held * page)
            if self._watch and not self.stopped and time.monotonic() - watched > WATCH_SECONDS:
                watched = time.monotonic()
                self.stopped = self._watch()
                if self.stopped:
                    _kill(tree)

    def stop(self) -> None:
        self._ended.set()
        self.join()


def _kill(pids: Sequence[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):  # it has ended
            os.kill(pid, signal.SIGKILL)


def _tree(pid: int) -> list[int]:
    found, waiting = [], [pid]
    while waiting:
        found.append(waiting.pop())
        waiting += _children(found[-1])
    return found


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (thread / "children").read_text().split())
    except OSError:  # it, or a thread of it, has just ended
        return found
    return found


def _resident_pages(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):  # it has ended
        return 0
