"""Run a program, and tell how long it took and how much memory it and its children held."""

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
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PROJECT = Path(__file__).parents[2]
SCRIPTS = Path(__file__).parent
MB = 1_000_000
MEDIUM = 500 * MB
SAMPLE_SECONDS = 0.05


class BenchError(Exception):
    """Something that was to be measured did not run, or the two sides did different work."""


@dataclass(frozen=True)
class Side:
    """A program that is measured. If the last line that it writes is a JSON object with `seconds`,
    that is its figure, and `parts` is what these are made up of."""

    name: str
    command: Sequence[str | Path]
    reads: Sequence[Path] = ()  # read into the page cache first
    prepare: Callable[[], None] = lambda: None  # makes folders as they must be before each run
    environment: Mapping[str, str] = field(default_factory=dict)  # beside that of all
    folder: Path = PROJECT


@dataclass(frozen=True)
class Other:
    """What a command is compared with."""

    side: Side
    bound: float | None = None  # of the ratio
    least: int = MEDIUM  # bytes of raw data that the bound is meant for, and more


@dataclass(frozen=True)
class Pair:
    """A command beside bare scripts, or one, or none."""

    name: str
    ours: Side
    others: Sequence[Other] = ()
    size_bytes: int = 0  # how much it reads, where MB a second are bound; else seconds are
    bound: float | None = None
    least: int = MEDIUM
    check: Callable[[], str] = str  # fails unless all did the same work; says what they did


@dataclass(frozen=True)
class Run:
    """One run of a program with its children."""

    seconds: float  # wall time from its start to its end
    processor: float  # seconds of processor time
    peak_bytes: int  # most memory that they held at once, as resident set size
    output: str  # what it wrote to stdout
    failure: str = ""  # why it was stopped, or what it wrote before it ended with a bad status

    @property
    def figures(self) -> dict[str, float]:
        """What the program measured itself, if it wrote a JSON object of figures."""
        text = self.output.strip().rpartition("\n")[2]
        return json.loads(text) if text.startswith("{") else {}


def run(
    command: Sequence[str | Path],
    environment: Mapping[str, str],
    folder: Path = PROJECT,
    *,
    watch: Callable[[], str] = lambda: "",
    may_fail: bool = False,
) -> Run:
    """Run a program to its end.

    Args:
        command: the program and its arguments.
        environment: all of its environment.
        folder: where it runs.
        watch: called many times a second while it runs. If it returns a text, the program and its
            children are killed, and that is why.
        may_fail: whether to return a run that failed.

    Raises:
        BenchError: if it fails, unless it may.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        clock = time.perf_counter()
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
            told = (text + errors.read().decode("utf-8", "replace")).strip()[-4_000:]
            words = " ".join(str(part) for part in command)
            failure = f"this ended with status {process.returncode}: {words}\n{told}"
    if failure and not may_fail:
        raise BenchError(failure)
    # The system knows a process' own peak only, and begins with what this one held.
    largest = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    processor = usage.ru_utime + usage.ru_stime
    return Run(seconds, processor, sampler.peak_bytes or largest, text, failure)


def program(name: str) -> Path:
    """A program of the virtual environment that this runs in."""
    return Path(sys.executable).with_name(name)


def environment_of(work: Path) -> dict[str, str]:
    """An environment in which Casebook and dbt read and write below a folder, and nowhere else."""
    ours = ("CASEBOOK_", "DBT_")
    return {name: text for name, text in os.environ.items() if not name.startswith(ours)} | {
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "CASEBOOK_RAW": str(work / "raw"),
        "CASEBOOK_LAKE": str(work / "lake"),
        "CASEBOOK_WAREHOUSE": str(work / "warehouse.db"),
        "CASEBOOK_SPARK_WAREHOUSE": str(work / "spark"),
        "SPARK_LOCAL_DIRS": str(work / "spark_local"),
        "DBT_TARGET_PATH": str(work / "dbt"),
        "DBT_LOG_PATH": str(work / "logs"),
    }


def settle(*files: Path) -> None:
    """Make runs start alike: earlier ones' output is on the disk, the input in the page cache."""
    os.sync()
    for path in files:
        for file in [path] if path.is_file() else path.rglob("*.*"):
            with file.open("rb", buffering=0) as read:
                while read.read(1 << 20):
                    pass


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
    Kills them all when `watch` gives a reason.
    """

    def __init__(self, pid: int, watch: Callable[[], str]) -> None:
        super().__init__(daemon=True)
        self.peak_bytes = 0
        self.stopped = ""
        self._pid, self._watch, self._ended = pid, watch, threading.Event()

    def run(self) -> None:
        page = os.sysconf("SC_PAGE_SIZE")
        while not self._ended.wait(SAMPLE_SECONDS):
            tree = list(_tree(self._pid))
            held = sum(_resident_pages(pid) for pid in tree)
            self.peak_bytes = max(self.peak_bytes, held * page)
            self.stopped = self.stopped or self._watch()
            for pid in tree if self.stopped else ():
                with contextlib.suppress(ProcessLookupError):  # it has ended
                    os.kill(pid, signal.SIGKILL)

    def stop(self) -> None:
        self._ended.set()
        self.join()


def _tree(pid: int) -> Iterator[int]:
    yield pid
    with contextlib.suppress(OSError):  # it, or a thread of it, has just ended
        for thread in Path(f"/proc/{pid}/task").iterdir():
            for child in (thread / "children").read_text().split():
                yield from _tree(int(child))


def _resident_pages(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):  # it has ended
        return 0
