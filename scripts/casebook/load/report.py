"""What a load is asked for, and what it did, file by file and table by table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from casebook.lake.ledger import LedgerEntry

LANDED_STATES = ("new", "redeclared", "appended", "amended", "shrunk")


@dataclass(frozen=True)
class FileResult:
    """What became of one raw file.

    Attributes:
        entry: its ledger entry, with `state` and `refusal`.
        repaired: why it was landed again although it has not changed, or None.
    """

    entry: LedgerEntry
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
class Progress:
    """How far a load is.

    Attributes:
        show: is called with this after every change, from other threads, too.
        files: raw files, and `files_done` of them.
        size_bytes: their bytes, and `bytes_done` of them.
        records: records of the files that were landed so far.
    """

    show: Callable[[Progress], None] = lambda progress: None
    files: int = 0
    files_done: int = 0
    size_bytes: int = 0
    bytes_done: int = 0
    records: int = 0

    def read(self, size_bytes: int, result: FileResult | None = None) -> None:
        """So many more bytes are dealt with; and a file, where there is a result."""
        self.bytes_done += size_bytes
        self.files_done += result is not None
        self.records += result.entry.records if result and result.is_landed else 0
        self.show(self)


@dataclass(frozen=True)
class Options:
    """What holds for all files of a load.

    Attributes:
        verify: hash raw and landed files even where size and modification time are as before.
        allow_shrink: land a file that has fewer bytes than when it was landed.
        progress: is kept up to date.
    """

    verify: bool = False
    allow_shrink: bool = False
    progress: Progress = field(default_factory=Progress)


@dataclass
class TableCount:
    """Numbers of one table: raw files by state, records of this run, and all in the lake now."""

    files: Counter[str] = field(default_factory=Counter)
    landed: int = 0
    quarantined: int = 0
    total_landed: int = 0
    total_quarantined: int = 0


@dataclass
class LoadReport:
    """What a load did.

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
        for result in [*self.files, *map(FileResult, self.gone)]:
            entry = result.entry
            count = counts.setdefault(entry.full_table_name, TableCount())
            count.files[entry.state] += 1
            count.total_landed += entry.landed
            count.total_quarantined += entry.quarantined
            if result.is_landed:
                count.landed += entry.landed
                count.quarantined += entry.quarantined
        return dict(sorted(counts.items()))

    @property
    def exit_status(self) -> int:
        """1 if a file was refused or has shrunk, else 0."""
        return 1 if self.refused else 0
