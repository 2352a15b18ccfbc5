"""A history of votes that grows month by month, in a lake that each side gets a copy of.

The raw files go through the loader, and are deleted once they are landed: a lake keeps what is gone
from the raw folder. A copy of the lake is made of hard links, which is safe because the loader
replaces files and never writes into them.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from inputs import (
    FIRST_DAY,
    write_votes_of_day,
    write_votes_of_days,
)
from measure import Run, plain_environment, program, remove, run

FILES_AT_ONCE = 4  # raw files that lie on the disk together


@dataclass(frozen=True)
class Side:
    """A copy of the lake, and a warehouse over it.

    Attributes:
        folder: everything of this side is below it.
        lake: the copy.
        warehouse: DuckDB's file, which is not there yet.
        dbt: dbt's target folder, the same for all sides: only the first build parses the project.
        environment: what programs get so that they work here.
    """

    folder: Path
    lake: Path
    warehouse: Path
    dbt: Path
    environment: dict[str, str]


class History:
    """Votes in a lake.

    Args:
        project: the dbt project's folder.
        work: where everything is written.
        month_votes: most records of a raw file; each holds a month.
    """

    def __init__(self, project: Path, work: Path, month_votes: int) -> None:
        self.project, self.work, self.month_votes = project, work, month_votes
        self.raw, self.lake = work / "raw", work / "lake"
        self.records = self.raw_bytes = self.months = 0
        self.generating = self.loading = 0.0

    def grow(self, records: int, check: Callable[[], None] = lambda: None) -> None:
        """Let the lake hold so many records; `generating` and `loading` are the seconds so far.

        Args:
            records: how many.
            check: called before each few files; what it raises ends it.

        Raises:
            BenchError: if the loader fails.
        """
        while self.records < records:
            check()
            self._generate(records)
            self.loading += self.load().seconds
            remove(self.raw / "blog")
        # What is gone is entered in the ledger now, and not in a run that is measured.
        self.raw.mkdir(exist_ok=True)
        self.load()

    def load(self) -> Run:
        """Land what is in the raw folder.

        Raises:
            BenchError: if the loader fails.
        """
        return run([program("casebook"), "load"], self.project, self._environment(self.lake))

    def deliver_day(self, records: int) -> Path:
        """Put one more day into the raw folder, the last of the last month; no lake has it yet."""
        path = self._file(self.months, "_next_day")
        path.parent.mkdir(parents=True, exist_ok=True)
        day = _first_of(self.months) - timedelta(days=1)
        write_votes_of_day(path, first=self.records, records=records, day=day)
        return path

    @contextlib.contextmanager
    def side(self) -> Iterator[Side]:
        """A copy of the lake as it is now, for as long as it is needed.

        The raw folder is the same for all: no more than one of them may be used at a time, and what
        was delivered meanwhile is removed at the end.
        """
        folder = self.work / "side"
        remove(folder)
        lake = folder / "lake"
        shutil.copytree(self.lake, lake, copy_function=os.link)
        environment = self._environment(lake) | {
            "CASEBOOK_WAREHOUSE": str(folder / "warehouse.db"),
            "DBT_TARGET_PATH": str(self.work / "dbt"),
            "DBT_LOG_PATH": str(folder / "logs"),
        }
        try:
            yield Side(folder, lake, folder / "warehouse.db", self.work / "dbt", environment)
        finally:
            remove(folder, self.raw / "blog")

    def _generate(self, records: int) -> None:
        """Write the next months' raw files, each on a processor of its own."""
        started = time.perf_counter()
        with ProcessPoolExecutor(os.cpu_count()) as pool:
            writing = []
            while self.records < records and len(writing) < FILES_AT_ONCE:
                path = self._file(self.months)
                path.parent.mkdir(parents=True, exist_ok=True)
                size = min(self.month_votes, records - self.records)
                # The month's last day is left to `deliver_day`.
                end = _first_of(self.months + 1) - timedelta(days=1)
                days = _days_between(_first_of(self.months), end)
                job = pool.submit(
                    write_votes_of_days, path, first=self.records, records=size, days=days
                )
                writing.append((job, path))
                self.records += size
                self.months += 1
            for job, path in writing:
                job.result()
                self.raw_bytes += path.stat().st_size
        self.generating += time.perf_counter() - started

    def _file(self, month: int, name: str = "") -> Path:
        return self.raw / "blog" / "votes" / f"month_{month:04}{name}.jsonl"

    def _environment(self, lake: Path) -> dict[str, str]:
        return plain_environment() | {"CASEBOOK_RAW": str(self.raw), "CASEBOOK_LAKE": str(lake)}


def _first_of(month: int) -> date:
    """The first day of a month, counted from 0."""
    months = FIRST_DAY.month - 1 + month
    return date(FIRST_DAY.year + months // 12, months % 12 + 1, 1)


def _days_between(start: date, end: date) -> tuple[date, ...]:
    return tuple(start + timedelta(days=number) for number in range((end - start).days))
