"""What a load or a replay did, file by file and table by table."""

from __future__ import annotations

import collections
from dataclasses import dataclass, field
from typing import Protocol

from casebook.lake.ledger import LedgerEntry

LANDED_STATES = ("new", "redeclared", "appended", "amended", "shrunk")


@dataclass(frozen=True)
class FileResult:
    """What became of one raw file.

    Attributes:
        entry: its ledger entry, with `state` and `refusal`.
        seconds: time it took.
        bytes: size of the raw file as it is now.
        repaired: why it was landed again although it has not changed, or None.
    """

    entry: LedgerEntry
    seconds: float
    bytes: int
    repaired: str | None = None

    @property
    def is_refused(self) -> bool:
        """Whether the file as it is now was not landed."""
        return self.entry.refusal is not None

    @property
    def is_landed(self) -> bool:
        """Whether this run landed it."""
        return self.entry.state in LANDED_STATES and not self.is_refused


@dataclass
class TableCount:
    """Numbers of one table in one run.

    Attributes:
        files: number of raw files by state.
        landed: records that this run landed.
        quarantined: records that this run put into quarantine.
        total_landed: records of the table that are in the lake now.
        total_quarantined: records of the table that are in quarantine now.
    """

    files: collections.Counter[str] = field(default_factory=collections.Counter)
    landed: int = 0
    quarantined: int = 0
    total_landed: int = 0
    total_quarantined: int = 0


@dataclass
class LoadReport:
    """What a run did.

    Attributes:
        files: one result per raw file looked at, in file order.
        undeclared: folders and files that no source declares and dot files; folders end in `/`.
        gone: entries of files that are no longer in the raw folder.
    """

    files: list[FileResult] = field(default_factory=list)
    undeclared: list[str] = field(default_factory=list)
    gone: list[LedgerEntry] = field(default_factory=list)

    @property
    def refused(self) -> list[FileResult]:
        """The files that were not landed as they are now: refused, and shrunk ones."""
        return [result for result in self.files if result.is_refused]

    @property
    def counts(self) -> dict[str, TableCount]:
        """Numbers by `source.table`, in order of the names."""
        counts: dict[str, TableCount] = {}
        landed_now = {id(result.entry) for result in self.files if result.is_landed}
        for entry in [*(result.entry for result in self.files), *self.gone]:
            count = counts.setdefault(entry.full_table_name, TableCount())
            count.files[entry.state] += 1
            count.total_landed += entry.landed
            count.total_quarantined += entry.quarantined
            if id(entry) in landed_now:
                count.landed += entry.landed
                count.quarantined += entry.quarantined
        return dict(sorted(counts.items()))

    @property
    def exit_status(self) -> int:
        """1 if a file was refused or has shrunk, else 0."""
        return 1 if self.refused else 0


@dataclass(frozen=True)
class Failure:
    """A correction that does not help, or a raw file whose quarantine cannot be replayed.

    Attributes:
        source_file: the raw file.
        reason: what is wrong.
        record: the number of the corrected record, or None for a whole file.
        line: its line in the corrections file, or None.
    """

    source_file: str
    reason: str
    record: int | None = None
    line: int | None = None

    def __str__(self) -> str:
        line = "" if self.line is None else f"line {self.line}: "
        record = "" if self.record is None else f"record {self.record}: "
        return f"{line}{self.source_file}: {record}{self.reason}"


@dataclass
class TableReplay:
    """Numbers of one table.

    Attributes:
        files: raw files with records in quarantine.
        tried: records that were in quarantine.
        landed: those of them that are landed now.
    """

    files: int = 0
    tried: int = 0
    landed: int = 0

    @property
    def left(self) -> int:
        """Records that stay in quarantine."""
        return self.tried - self.landed


@dataclass
class ReplayReport:
    """What a replay did.

    Attributes:
        tables: numbers by `source.table`, of the tables that had records in quarantine.
        failures: what did not go well; a record that merely stays is none.
    """

    tables: dict[str, TableReplay] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)

    def add(self, table: str, count: TableReplay, failures: list[Failure]) -> None:
        """Add what came of one raw file of a table."""
        total = self.tables.setdefault(table, TableReplay())
        total.files += count.files
        total.tried += count.tried
        total.landed += count.landed
        self.failures += failures

    @property
    def landed(self) -> int:
        """Records that were landed, of all tables."""
        return sum(table.landed for table in self.tables.values())

    @property
    def exit_status(self) -> int:
        """1 if something did not go well, else 0."""
        return 1 if self.failures else 0


class Progress(Protocol):
    """What is told how far a load is. `read` is also called from another thread."""

    def begin(self, files: int, size_bytes: int) -> None:
        """There are so many raw files, of so many bytes together."""

    def read(self, size_bytes: int) -> None:
        """So many more bytes are dealt with; they add up to what `begin` gave."""

    def done(self, result: FileResult) -> None:
        """One more raw file is dealt with; `result.entry` has its records."""
