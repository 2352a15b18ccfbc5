"""A raw file's text as DuckDB can read it: unpacked and in UTF-8, by way of a spool if need be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from casebook.errors import Refused
from casebook.readers.archives import CHUNK, needs_decoding, open_utf8
from casebook.readers.base import MAX_RECORD_BYTES, Raw, Workspace, too_long
from casebook.readers.count import Counter
from casebook.readers.rows import Rows, Spool, direct_rows
from casebook.readers.split import Splitter

if TYPE_CHECKING:
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


def prepare(raw: Raw, workspace: Workspace, new_counter: Callable[[], Counter]) -> Source:
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


def rows_of(
    workspace: Workspace, source: Source, delimiter: str | None, line_end: str, *, has_quotes: bool
) -> Rows:
    """The records of a text, from the file itself where each line is one, else from a spool.

    Args:
        workspace: where to work.
        source: the text.
        delimiter: the character between two fields; None where quotes mean nothing.
        line_end: `\\r` where carriage returns end lines, else a line feed does.
        has_quotes: whether there may be line ends in quotes.

    Raises:
        Refused: if a record is too long, or its lines are not as many as were counted.
    """
    import duckdb

    counter = source.counter()
    counted = counter.lines_by(line_end)
    if line_end == "\n" and not has_quotes and counter.longest > MAX_RECORD_BYTES:
        raise Refused(too_long(counter.longest_line))
    if counter.line_end and not counter.has_nul and not has_quotes:
        longest = 0 if counter.line_end == "\r" else counter.longest
        rows = direct_rows(source.path, source.compression, counter.line_end, longest, counted)
        try:
            _check_count(workspace, rows)
            return rows
        except (duckdb.InvalidInputException, duckdb.IOException, UnicodeDecodeError):
            # Bytes that are not UTF-8, a long line, or an archive that it cannot unpack. The last:
            # the message shows 10,000 bytes of the line, and may end within a character.
            pass
    spool, lines = Spool(workspace.folder / "records.rows"), 0
    with source.open() as text:
        for piece in Splitter(delimiter, line_end).split(text):
            if piece.lines:
                spool.add(piece.raw, piece.code, piece.message, piece.lines)
            else:
                spool.add_lines(piece.raw)
            lines += piece.lines or piece.raw.count(b"\n")
    if lines != counted:
        raise Refused(f"{counted} lines were counted, but the records found have {lines}")
    rows = spool.rows()
    _check_count(workspace, rows)
    return rows


def _check_count(workspace: Workspace, rows: Rows) -> None:
    query = f"select count(*), max(len(text)) from {rows.query}"
    found = workspace.connection.execute(query).fetchone()
    if found is None or found[0] != rows.count:
        raise Refused(f"{rows.count} rows were counted, but DuckDB found {found and found[0]}")


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
