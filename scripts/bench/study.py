"""What docs/scale.md was measured with: a history of votes that grows, with DuckDB or on Spark.

At each step a full build of the blog's marts is measured, then one more day on top of it, until the
last step or a build that fails. Everything is written below --folder, and removed at the end.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from inputs import FIRST_DAY, write_votes_of_days
from measure import MB, PROJECT, BenchError, environment_of, program, remove, run, settle

MODELS = ("+votes", "weekly_votes", "outlier_weeks")
MONTH_VOTES = 5_000_000
MILLION = 1_000_000


class Study:
    """A lake that grows, and builds over it."""

    def __init__(self, options: argparse.Namespace, work: Path) -> None:
        self.options, self.work = options, work
        self.environment = environment_of(work)
        self.records = self.months = self.spilled = 0

    def grow(self, records: int) -> None:
        """Let the lake hold so many records more or less; raw files are removed once they landed.

        A lake keeps what is gone from the raw folder.
        """
        while self.records < records:
            size = min(MONTH_VOTES, records - self.records)
            self._deliver(size, days=28)
            run([program("casebook"), "load"], self.environment)
            remove(self.work / "raw" / "blog")

    def measure(self, engine: str, memory: str) -> bool:
        """Measure a full build and then a day on top, in a copy of the lake; false if one fails."""
        name = f"{self.records / MILLION:g} M votes, {engine}, {memory}"
        side = self.work / "side"
        remove(side)
        # Hard links are safe: the loader replaces files and never writes into them.
        shutil.copytree(self.work / "lake", side / "lake", copy_function=_link)
        if not self._build(f"{name}: full build", side, engine, memory):
            return False
        before = self.records
        self._deliver(round(self.options.day * MILLION), days=1)
        self.records = before
        built = self._build(f"{name}: a day on top", side, engine, memory)
        remove(self.work / "raw" / "blog")
        return built

    def _deliver(self, records: int, days: int) -> None:
        path = self.work / "raw" / "blog" / "votes" / f"month_{self.months:04}.jsonl"
        since = FIRST_DAY + timedelta(days=30 * self.months)
        span = tuple(since + timedelta(days=number) for number in range(days))
        write_votes_of_days(path, first=self.records, records=records, days=span)
        self.records += records
        self.months += 1

    def _build(self, name: str, side: Path, engine: str, memory: str) -> bool:
        given = {"CASEBOOK_RAW": str(self.work / "raw"), "CASEBOOK_MEMORY": memory}
        environment = environment_of(side) | given  # a lake belongs to one raw folder
        target = []
        if engine != "duckdb":
            target = ["--target", "spark"]
            environment |= {"CASEBOOK_SPARK_MASTER": engine, "CASEBOOK_SPARK_MEMORY": memory}
        self.spilled = 0
        settle()
        command = [program("casebook"), "build", *target, "--select", *MODELS]
        done = run(command, environment, watch=lambda: self._watch(side), may_fail=True)
        print(
            f"{name}: {done.seconds:,.1f} s, {done.peak_bytes / MB:,.0f} MB,"
            f" {self.spilled / MB:,.0f} MB spilled, lake {_size(side / 'lake') / MB:,.0f} MB,"
            f" warehouse {_size(side / 'warehouse.db', side / 'spark') / MB:,.0f} MB",
            flush=True,
        )
        if done.failure:
            lines = [line for line in done.failure.splitlines() if line.strip()]
            why = [line for line in lines if "Error" in line] or lines[-3:]
            print(f"  FAILED: {' '.join(why)[:400]}", flush=True)
            return False
        found = next((side / "dbt").rglob("run_results.json")).read_text(encoding="utf-8")
        slowest = sorted(json.loads(found)["results"], key=lambda one: -one["execution_time"])
        for one in slowest[:8]:
            print(f"  {one['execution_time']:8.1f} s  {one['unique_id']}", flush=True)
        return True

    def _watch(self, side: Path) -> str:
        """Note what DuckDB has spilled; a reason to stop where the disk is nearly full."""
        spill = side / "warehouse_candidate.db.tmp"
        self.spilled = max(self.spilled, _size(spill))
        free = shutil.disk_usage(self.work).free / 1e9
        return f"the disk has {free:.1f} GB left" if free < self.options.free_gb else ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; 0 unless something broke that was not to be measured."""
    options = _parse(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="study-", dir=options.folder.absolute()))
    study = Study(options, work)
    going = [(engine, memory) for engine in options.engine for memory in options.memory]
    try:
        for millions in options.votes:
            study.grow(round(millions * MILLION))
            going = [one for one in going if study.measure(*one)]
            if not going:
                print("Ended: a build has failed with every engine and limit.")
                break
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return 0


def _link(source: str, target: str) -> None:
    Path(target).hardlink_to(source)


def _size(*paths: Path) -> int:
    files = (file for path in paths for file in ([path] if path.is_file() else path.rglob("*")))
    size = 0
    for file in files:
        try:
            size += file.lstat().st_blocks * 512
        except OSError:  # it has just been removed
            continue
    return size


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )

    def steps(text: str) -> list[float]:
        found = [float(part) for part in text.split(",")]
        if found != sorted(set(found)) or not 0 < found[0] < float("inf"):
            raise argparse.ArgumentTypeError(f"{text} does not ascend from above 0")
        return found

    add = parser.add_argument
    add("--votes", type=steps, default=[25.0, 50.0, 100.0], help="millions of votes at each step")
    add("--day", type=float, default=0.5, help="millions of votes of the day")
    add("--engine", action="append", help="duckdb, or Spark's master as local[2]; repeatable")
    add("--memory", action="append", help="limit of DuckDB or of Spark's driver; repeatable")
    add("--free-gb", type=float, default=12.0, help="GB of disk to leave free")
    add("--folder", type=Path, default=PROJECT / "target" / "bench")
    options = parser.parse_args(arguments)
    options.engine, options.memory = options.engine or ["duckdb"], options.memory or ["4g"]
    return options


if __name__ == "__main__":
    sys.exit(main())
