"""Where one machine ends: a votes history grows until a build with DuckDB fails."""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from builds import MODELS, Build, read_build
from history import History, Side
from measure import (
    MB,
    BenchError,
    Line,
    Run,
    Runs,
    Section,
    program,
    query,
    run,
    settle,
    size_on_disk,
)
from report import machine, print_sections, say, write_result

PROJECT = Path(__file__).parents[2]
MILLION = 1_000_000
MONTH_VOTES = 5 * MILLION
SLOWEST = 5

ABOUT = """\
Let a history of votes grow in steps, and at each of them measure a build of the blog's marts with
DuckDB and what one more day on top of it costs, until a build fails.

The history is landed by `casebook load`, 5 million votes a file. For each memory limit the build
begins with a copy of the lake and no warehouse, all of it in a scratch folder; then a day is
delivered, loaded and built. A limit with which a step failed is left out of the larger ones. It
ends when no limit is left, after the last step, when the disk has less than --free-gb left, or
after --hours: a build that runs then is killed, and counts neither as done nor as failed.

Measured are seconds and what they are made up of; the most memory that the process and its children
held at once; the most that DuckDB spilled to <candidate>.tmp at once, with the models that ran just
then; and what raw files, lake, warehouse and candidate take on the disk. MB are 1,000,000 bytes.
"""


class Ended(Exception):
    """No further step can be measured; says why."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it and print what was found; 0 unless something broke that was not to be measured."""
    options = _parse(arguments)
    folder = options.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="limits-", dir=folder))
    ran_on = machine()
    limits = _Limits(options, work)
    status = 0
    try:
        limits.climb(lambda: _write(options, ran_on, limits))
    except Ended as reason:
        limits.facts.append(f"Ended: {reason}.")
    except BenchError as error:
        say(f"error: {error}")
        status = 1
    except KeyboardInterrupt:
        status = 130
    finally:
        shutil.rmtree(work, ignore_errors=True)
    _write(options, ran_on, limits)
    print_sections(ran_on, "1 round", {"limits": limits.section()})
    return status


def _write(options: argparse.Namespace, ran_on: dict[str, str], limits: _Limits) -> None:
    if options.json:
        given = {"votes": options.votes, "day": options.day, "memory": options.memory}
        write_result(options.json, ran_on, {"limits": limits.section()}, **given)


class _Limits:
    """The steps so far.

    Args:
        options: what to measure.
        work: where everything is written.
    """

    def __init__(self, options: argparse.Namespace, work: Path) -> None:
        self.options = options
        self.deadline = time.monotonic() + options.hours * 3600
        self.history = History(PROJECT, work, MONTH_VOTES)
        self.runs = Runs()
        self.lines: list[Line] = []
        self.facts: list[str] = []
        self.ends = {memory: _End() for memory in options.memory}

    def section(self) -> Section:
        """What was found."""
        title = f"votes on DuckDB, and {self.options.day:g} million more on top of them"
        ends = [f"With {memory}: {end}" for memory, end in self.ends.items()]
        return Section(title, self.lines, [*self.facts, *ends], self.runs.as_json())

    def climb(self, keep: Callable[[], None]) -> None:
        """Measure step after step.

        Args:
            keep: called after each of them.

        Raises:
            Ended: if not all steps were measured.
            BenchError: if the loader fails.
        """
        for millions in self.options.votes:
            self._check()
            self._grow(round(millions * MILLION))
            for memory, end in self.ends.items():
                if not end.failed:
                    self._measure(f"{millions:g} M votes, {memory}", memory)
                    keep()
            if all(end.failed for end in self.ends.values()):
                raise Ended("a build has failed with every limit")

    def _grow(self, records: int) -> None:
        history = self.history
        say(f"landing {records - history.records:,} more votes")
        before = history.generating, history.loading
        history.grow(records, self._check)
        self.facts.append(
            f"{records:,} votes: {history.raw_bytes / MB:,.0f} MB raw, of which the last were"
            f" generated in {history.generating - before[0]:,.0f} s and landed in"
            f" {history.loading - before[1]:,.0f} s; lake {_mb(history.lake)}."
        )

    def _measure(self, name: str, memory: str) -> None:
        """Measure a full build and, if it does not fail, a day on top of it."""
        with self.history.side() as side:
            full = self._build(f"{name}: full build", side, memory, self.history.records)
            if full is None:
                return
            records = round(self.options.day * MILLION)
            settle(self.history.deliver_day(records))
            records += self.history.records
            self._build(f"{name}: a day on top", side, memory, records, full)

    def _build(
        self, name: str, side: Side, memory: str, records: int, first: Run | None = None
    ) -> Run | None:
        """Run a build over so many records, in full or on top of another; None if it failed."""
        watch = _Watch(side, self._reason_to_stop)
        settle()
        full = [] if first else ["--full-refresh"]
        done = run(
            [program("casebook"), "build", *full, "--select", *MODELS],
            PROJECT,
            side.environment | {"CASEBOOK_MEMORY": memory},
            watch=watch,
            may_fail=True,
        )
        if watch.stopped:
            disk = f"candidate {watch.candidate / MB:,.0f} MB, {watch.spilled / MB:,.0f} MB spilled"
            raise Ended(f"{watch.stopped}, during {name} ({disk})")
        built = read_build(done, side.lake, side.dbt)
        why = _why(done, built) if done.failure else ""
        if not why:
            _check_records(side.warehouse, records)
        self.ends[memory].add(name, watch.spilled, why)
        self.runs.add(
            name,
            done,
            parts=built.parts,
            slowest_nodes=built.slowest,
            spilled_mb=watch.spilled / MB,
            spilled_during=watch.spilled_during(built),
            candidate_mb=watch.candidate / MB,
            warehouse_mb=size_on_disk(side.warehouse) / MB,
            failure=why,
        )
        against = (first.seconds, "full build") if first else (None, "")
        self.lines += [
            Line(name, "s", done.seconds, *against, parts=built.parts),
            Line(f"{name}, peak memory", "MB", done.peak_bytes / MB),
            Line(f"{name}, spilled", "MB", watch.spilled / MB),
        ]
        self._tell(name, built, watch, side, why)
        say(
            f"  {name:40} {done.seconds:8.2f} s {done.peak_bytes / MB:8,.0f} MB,"
            f" {watch.spilled / MB:,.0f} MB spilled{', failed' if why else ''}"
        )
        return None if why else done

    def _tell(self, name: str, built: Build, watch: _Watch, side: Side, why: str) -> None:
        nodes = [f"{node.name} {node.seconds:.1f} s" for node in built.nodes[:SLOWEST]]
        self.facts.append(
            f"{name}: warehouse {_mb(side.warehouse)}, candidate at most"
            f" {watch.candidate / MB:,.0f} MB; {', '.join(nodes) or 'no model ended'}."
        )
        if watch.spilled:
            during = ", ".join(watch.spilled_during(built)) or "no model"
            self.facts.append(f"{name}: most was spilled during {during}.")
        if why:
            self.facts.append(f"{name} FAILED: {why}")

    def _check(self) -> None:
        if reason := self._reason_to_stop():
            raise Ended(reason)

    def _reason_to_stop(self) -> str:
        if time.monotonic() > self.deadline:
            return f"{self.options.hours:g} hours are over"
        free = shutil.disk_usage(self.history.work).free / 1e9
        if free < self.options.free_gb:
            return f"the disk has {free:.1f} GB left"
        return ""


@dataclass
class _End:
    """How far a memory limit went: names of builds."""

    spilled: str = ""
    failed: str = ""
    built: str = ""

    def add(self, name: str, spilled: int, failure: str) -> None:
        """Take in a build."""
        if spilled and not self.spilled:
            self.spilled = name
        if failure:
            self.failed = name
        else:
            self.built = name

    def __str__(self) -> str:
        return (
            f"the last that was built is {self.built or 'none'}; the first that spilled is"
            f" {self.spilled or 'none'}; the one that failed is {self.failed or 'none'}."
        )


class _Watch:
    """Looks at the disk while a build runs.

    Args:
        side: where it runs.
        reason_to_stop: says why it must not go on, or nothing.
    """

    def __init__(self, side: Side, reason_to_stop: Callable[[], str]) -> None:
        self._candidate = side.warehouse.with_name(f"{side.warehouse.stem}_candidate.db")
        self._spill = self._candidate.with_name(f"{self._candidate.name}.tmp")
        self._reason_to_stop = reason_to_stop
        self._seen: list[tuple[float, int]] = []
        self.candidate = 0
        self.stopped = ""

    def __call__(self) -> str:
        self._seen.append((time.time(), size_on_disk(self._spill)))
        self.candidate = max(self.candidate, size_on_disk(self._candidate))
        self.stopped = self._reason_to_stop()
        return self.stopped

    @property
    def spilled(self) -> int:
        """Most bytes that were spilled at once."""
        return max((size for _, size in self._seen), default=0)

    def spilled_during(self, built: Build) -> list[str]:
        """The models and tests that ran when most was spilled."""
        when, most = max(self._seen, key=lambda seen: seen[1], default=(0.0, 0))
        running = (node for node in built.nodes if node.started <= when <= node.ended)
        return [node.name for node in running] if most else []


def _check_records(warehouse: Path, records: int) -> None:
    """Fail unless every record that was delivered is accounted for."""
    ((found,),) = query(warehouse, "select count(*) from intermediate.int_blog__votes")
    if found != records:
        raise BenchError(f"{records:,} records were delivered, {found:,} are accounted for")


def _why(done: Run, built: Build) -> str:
    """Which model failed and what the engine said, in one line."""
    if built.failed:
        node = built.failed[0]
        return f"{node.name}: {_short(node.failure)}"
    said = re.search(r"\w[\w ]* Error\b.*", done.failure, re.DOTALL)
    return _short(said[0] if said else done.failure)


def _short(text: str) -> str:
    return re.sub(r"\s+", " ", text)[:400]


def _mb(path: Path) -> str:
    return f"{size_on_disk(path) / MB:,.0f} MB"


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--votes",
        type=_steps,
        default=[25.0, 50.0, 100.0, 200.0],
        metavar="N,N…",
        help="the steps, in millions of votes; 25,50,100,200 by default",
    )
    parser.add_argument(
        "--day", type=_positive, default=0.5, help="millions of votes of the day; 0.5 by default"
    )
    parser.add_argument(
        "--memory",
        action="append",
        help="DuckDB's limit (CASEBOOK_MEMORY), such as 1GB; may be repeated; 4GB by default",
    )
    parser.add_argument(
        "--hours", type=_positive, default=4.0, help="when to end at the latest; 4 by default"
    )
    parser.add_argument(
        "--free-gb",
        type=float,
        default=12.0,
        help="GB of disk to leave free; 12 by default, below 0 to see what a full disk does",
    )
    parser.add_argument(
        "--folder",
        type=Path,
        default=PROJECT / "target" / "bench",
        help="everything is written below it, and removed at the end; target/bench by default",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the result as JSON")
    options = parser.parse_args(arguments)
    options.memory = options.memory or ["4GB"]
    return options


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number


def _steps(text: str) -> list[float]:
    steps = [_positive(part) for part in text.split(",")]
    if steps != sorted(set(steps)):
        raise argparse.ArgumentTypeError(f"{text} does not ascend")
    return steps


if __name__ == "__main__":
    sys.exit(main())
