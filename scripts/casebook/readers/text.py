"""A raw file's text as DuckDB can read it: unpacked and in UTF-8, by way of a spool if need be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from casebook.errors import Refused
from casebook.readers.archives import CHUNK, needs_decoding, open_utf8
from casebook.readers.base import MAX_RECORD_BYTES, Raw, Workspace
from casebook.readers.count import Counter
from casebook.readers.split import Splitter, too_long

if TYPE_CHECKING:
    from casebook.readers.rows import Spool
    from casebook.sources import Table

_READ_BY_DUCKDB = (None, "gzip", "zstd")


@dataclass(frozen=True)
class Source:
    """A text.

    Attributes:
        path: where DuckDB reads it.
        compression: `gzip`, `zstd` or None.
        counter: what an independent pass has counted; waits for it.
    """

    path: Path
    compression: str | None
    counter: Callable[[], Counter]

    @property
    def size(self) -> int:
        """Bytes of the file, as it is packed."""
        return self.path.stat().st_size

    def open(self) -> BinaryIO:
        """The text from its beginning, without a byte order mark."""
        return open_utf8(self.path, self.compression)


def prepare(raw: Raw, workspace: Workspace, new_counter: Callable[[], Counter] = Counter) -> Source:
    """The text of a raw file, in a spool where DuckDB reads neither its archive nor its encoding.

    Args:
        raw: the file.
        workspace: where to work.
        new_counter: makes what counts a spool.
    """
    encoding = raw.table.encoding
    is_foreign = needs_decoding(raw.path, raw.compression, encoding)
    if raw.compression in _READ_BY_DUCKDB and not is_foreign:
        return Source(raw.path, raw.compression, lambda: raw.measured().text)
    counter, spool = new_counter(), workspace.folder / "unpacked.txt"
    with open_utf8(raw.path, raw.compression, encoding) as text, spool.open("wb") as file:
        while piece := text.read(CHUNK):
            counter.add(piece)
            file.write(piece)
    return Source(spool, None, lambda: counter)


def check_lines(counter: Counter) -> None:
    """Refuse a text with a line beyond all bounds.

    Raises:
        Refused: with the number of the line.
    """
    if line_end_of(counter) == "\n" and counter.longest > MAX_RECORD_BYTES:
        raise Refused(too_long(counter.longest_line))


def line_end_of(counter: Counter) -> str:
    """What ends the lines of a text without quotes: CR where there is no LF, else LF."""
    return "\r" if counter.returns and not counter.newlines else "\n"


def spool_records(text: BinaryIO, splitter: Splitter, spool: Spool) -> int:
    """Spool the records of a text; returns the number of lines that they stand in.

    Raises:
        Refused: if a record is too long.
    """
    lines = 0
    for piece in splitter.split(text):
        if piece.lines:
            spool.add(piece.raw, piece.code, piece.message, piece.lines)
            lines += piece.lines
        else:
            spool.add_lines(piece.raw)
            lines += piece.raw.count(b"\n")
    return lines


def notes_on_encoding(table: Table, sample: bytes) -> list[str]:
    """What to declare, as notes on a file that has bytes which are not UTF-8; none without any."""
    if not sample:
        return []
    if table.encoding:
        return [f"has bytes that are not {table.encoding}, the encoding that its table declares"]
    likely = "utf-16" if sample.count(b"\0") * 4 > len(sample) else "windows-1252"
    try:
        sample.decode(likely)
    except UnicodeError:
        return ["is not UTF-8; find out its encoding, and declare it: `encoding: …`"]
    return [f"is not UTF-8; it looks like {likely}: declare `encoding: {likely}` if that is right"]
