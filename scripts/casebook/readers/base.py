"""What the loader hands to a reader, and what a reader hands back.

A reader turns one raw file into one Parquet file of text columns, and puts what it cannot read
into quarantine. `choose` lists the formats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from casebook.readers.count import Counter

if TYPE_CHECKING:
    import duckdb

    from casebook.lake.quarantine import Quarantine
    from casebook.sources import Table

RECORD_COLUMN = "_source_record"
MAX_RECORD_BYTES = 32 << 20


@dataclass(frozen=True)
class Measured:
    """What a pass over the raw bytes tells: size, SHA-256 in hex digits, and a count of the text.

    Attributes:
        prefix_hash: that of the first `prefix` bytes, or None if there are not so many.
        text: what the reader's counter found in the text, after decompression.
        content_hash: that of the text, after decompression.
    """

    size_bytes: int
    file_hash: str
    prefix_hash: str | None
    text: Counter
    content_hash: str = ""


@dataclass(frozen=True)
class Raw:
    """One raw file, as a reader sees it.

    Attributes:
        path: where to read it; a plain name without characters that mean something in a glob.
        compression: one of `archives.COMPRESSIONS`, or None.
        table: the declared table that it belongs to.
        measured: waits for the independent pass over the file and gives its result; raises
            `Refused` where that failed.
        member: the table in the file, where a file holds several (SQLite), else None.
    """

    path: Path
    compression: str | None
    table: Table
    measured: Callable[[], Measured]
    member: str | None = None


@dataclass(frozen=True)
class Workspace:
    """Where a reader works.

    Attributes:
        connection: a DuckDB connection with bounded memory.
        folder: an empty folder for temporary files on the lake's disk; emptied afterwards.
        landed: the Parquet file to write: every declared column as text, NULL where the file does
            not have it, and `_source_record`, NULL where it is the row's position (from 1).
        quarantine: takes the records that cannot be read.
    """

    connection: duckdb.DuckDBPyConnection
    folder: Path
    landed: Path
    quarantine: Quarantine


@dataclass(frozen=True)
class Reading:
    """What a reader found in a file.

    Attributes:
        records: records in the file, counted independently of what wrote the landed file where
            the format allows.
        landed: rows in the landed file.
        columns_ignored: columns of the file that the source does not declare, sorted.
        layout: what `Reader.again` must know of the file to read one of its records without it,
            such as the delimiter and the header; goes into the ledger as JSON.
        notes: what is to be noticed about the file as a whole, as lines for people.
    """

    records: int
    landed: int
    columns_ignored: list[str] = field(default_factory=list)
    layout: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Text:
    """A record by itself, as it was quarantined or corrected.

    Its number and first line, both from 1, and its bytes without the end of its last line.
    """

    number: int
    first_line: int
    raw: bytes


@dataclass(frozen=True)
class Reader:
    """A format.

    Attributes:
        format: its name in the ledger.
        looks: what its files look like, a word of `looks_like`.
        read: reads one file; raises `Refused` where it cannot be read as a whole.
        texts: the number and the bytes of each record of a file, in order, good or bad.
        again: reads records by themselves, without their file: lands those that can be read, each
            with its number in `_source_record`, puts the others into quarantine, and returns how
            many landed. Takes the declared table, the workspace, `Reading.layout`, the records.
        counter: makes what counts the file's text in the independent pass.
    """

    format: str
    looks: str
    read: Callable[[Raw, Workspace], Reading]
    texts: Callable[[Raw], Iterator[tuple[int, bytes]]]
    again: Callable[[Table, Workspace, dict[str, Any], Sequence[Text]], int]
    counter: Callable[[], Counter] = Counter


def too_long(what: str | int) -> str:
    """The reason to refuse a file with a record beyond all bounds: the one in a line, or words."""
    what = f"the record in line {what} is" if isinstance(what, int) else what
    return f"{what} longer than {MAX_RECORD_BYTES >> 20} MiB, the most that one record may have"
