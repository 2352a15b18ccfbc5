"""A raw file's text and its records as DuckDB can read them: as they are, or by way of a spool."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from casebook.errors import Refused
from casebook.readers.archives import CHUNK, needs_decoding, open_utf8
from casebook.readers.base import RECORD_COLUMN, Raw, Workspace
from casebook.readers.count import Counter, is_utf8
from casebook.readers.split import Splitter
from casebook.sql import quote_name, quote_text

if TYPE_CHECKING:
    from casebook.sources import Table

_READ_BY_DUCKDB = (None, "gzip", "zstd")
_WRAP, _MARK, _BETWEEN = b"\x02", b"\x03", b"\x1f"
_odd = re.compile(rb"[\x02\x03\x1f\n\r\x80-\xff]").search
_MARKS = (_WRAP, _MARK, _BETWEEN, b"\r")
_LINE_LIMIT = 2 << 20
LARGEST_GROUP, _SMALLEST_GROUP, _GROUP_BYTES = 122_880, 2048, 32 << 20


@dataclass(frozen=True)
class Source:
    """A text: where DuckDB reads it, packed in which way, and what an independent pass counted.

    `counter` waits for that pass.
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

    `new_counter` makes what counts such a spool.
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


class Spool:
    """A temporary file with a row for each record, which DuckDB reads.

    A row that holds the end of a line is wrapped; one that cannot be read, or that stands in more
    lines than it has line feeds, is marked, and its bytes spelled so that it is text.

    Attributes:
        path: the file to write.
        is_numbered: whether every row comes with its number and its first line.
        count: rows so far.
        bad_bytes: the beginning of the first record that is not UTF-8.
    """

    def __init__(self, path: Path, *, is_numbered: bool = False) -> None:
        self.path, self.is_numbered = path, is_numbered
        self.count = self._size = self._longest = 0
        self.bad_bytes, self._has_long_records = b"", False
        self._file = path.open("wb")

    def add_lines(self, lines: bytes) -> int:
        """Add lines that each end in a line feed, as a row each; returns how many."""
        before = self.count
        if not any(mark in lines for mark in _MARKS) and is_utf8(lines):
            self._size += self._file.write(lines)
            self.count += lines.count(b"\n")
            self._longest = max(self._longest, len(lines))
        else:
            for line in lines[:-1].split(b"\n"):
                self.add(line)
        return self.count - before

    def add_plain(self, number: int, lines: Sequence[int], raws: Sequence[bytes]) -> None:
        """Add records in one line each, numbered from one on, with their first lines."""
        numbered, whole = zip(count(number), lines, raws), b"".join(raws)
        if any(mark in whole for mark in _MARKS) or not is_utf8(whole):
            for n, line, raw in numbered:
                self.add(raw, number=(n, line))
            return
        rows = [b"%d\x1f%d\x1f%b\n" % row for row in numbered]
        self._size += self._file.write(b"".join(rows))
        self._longest, self.count = max(self._longest, *map(len, rows)), self.count + len(rows)

    def add(
        self,
        raw: bytes,
        code: str | None = None,
        message: str = "",
        lines: int = 1,
        number: tuple[int, int] | None = None,
    ) -> None:
        """Add a record of so many lines.

        With a code and a message it cannot be read; bytes that are not UTF-8 need none. In a
        spool that is numbered, it comes with its number and its first line.
        """
        row = raw
        if code or lines > 1 or _odd(raw):
            row = self._spell(raw, code, message, lines)
        if number:
            row = b"%d\x1f%d\x1f%b" % (*number, row)
        self._has_long_records |= lines > 1
        self._longest = max(self._longest, len(row))
        self._size += self._file.write(row + b"\n")
        self.count += 1

    def _spell(self, raw: bytes, code: str | None, message: str, lines: int) -> bytes:
        """A record as a row, wrapped or marked where it must be."""
        try:
            raw.decode("utf-8")
        except UnicodeDecodeError as error:
            if code is None:
                place = f"byte 0x{raw[error.start]:02X} at byte {error.start + 1} of the record"
                code, message = "bad_bytes", f"not UTF-8: {place}"
                self.bad_bytes = self.bad_bytes or raw[:4096]
        if code or raw.startswith(_MARK) or lines > 1 + raw.count(b"\n"):
            parts = (b"", (code or "").encode(), message.encode(), b"%d" % lines)
            return _MARK.join((*parts, base64.b64encode(raw)))
        if b"\n" in raw or b"\r" in raw or _WRAP in raw or _BETWEEN in raw:
            return _WRAP + raw.replace(_WRAP, _WRAP + _WRAP) + _WRAP
        return raw

    @property
    def row_group(self) -> int:
        """How many rows of such a size to write at a time."""
        return rows_per_group(self.count, self._size)

    def records(
        self,
        workspace: Workspace,
        is_blank: str = "false",
        skip_lines: int = 0,
        headers: int = 0,
        more: str = "null",
    ) -> str:
        """SQL for the records: `n`, `first_line`, `text`, `more`, of bad ones why, and `raw`.

        Nothing can be added any more. The rows are written as Parquet once, which is read, in their
        order, on all processors.

        Args:
            workspace: where to work.
            is_blank: SQL that tells whether a row is no record, or null where it is none; rows that
                come with their numbers all are.
            skip_lines: lines at the start that are no records either.
            headers: records after these that take no number.
            more: SQL for something else of each row.

        Raises:
            Refused: if DuckDB does not find every row.
        """
        self._file.close()
        kept = f"code is not null or coalesce(not ({is_blank}), false)"
        path = quote_text(f"{self.path}.parquet")
        written = workspace.connection.execute(
            f"copy (select *, {kept} as kept, {more} as more from {self._rows()}) to {path}"
            f" (format parquet, row_group_size {self.row_group}, dictionary_size_limit 0)"
        ).fetchone()
        if written != (self.count,):
            raise Refused(f"{self.count} rows were counted; DuckDB found {written and written[0]}")
        if self.is_numbered:
            return f"read_parquet({path})"
        others = f"select count(*) from read_parquet({path}) where not kept"
        is_plain = workspace.connection.execute(others).fetchone() == (0,)
        before = "rows between unbounded preceding and current row"
        line, number = "file_row_number + 1", f"first_line - {skip_lines + headers}"
        if self._has_long_records:
            line, is_plain = f"(sum(lines) over ({before}) - lines + 1)::bigint", False
        if not is_plain:
            number = f"count(nullif(kept, false)) over ({before}) - {headers}"
        return f"""(
            select * from (
                select *, {number} as n
                from (select *, {line} as first_line from read_parquet({path}))
                where first_line > {skip_lines}
            ) where kept and n > 0
        )"""

    def _rows(self) -> str:
        limit = max(_LINE_LIMIT, self._longest + 1024)
        numbers = {"n": "BIGINT", "first_line": "BIGINT"} if self.is_numbered else {}
        lines = "1 + len(row) - len(replace(row, chr(10), ''))" if self._has_long_records else "1"
        return f"""(
            select
                {"".join(f"{name}, " for name in numbers)}
                coalesce(parts[4]::int, {lines}, 1) as lines,
                case
                    when parts is null then coalesce(row, '')
                    when parts[2] = '' then decode(from_base64(parts[5]))
                end as text,
                nullif(parts[2], '') as code,
                parts[3] as message,
                case when parts[2] <> '' then from_base64(parts[5]) end as raw
            from (
                select
                    *,
                    case when starts_with(row, chr(3)) then string_split(row, chr(3)) end as parts
                from read_csv(
                    {quote_text(self.path)}, auto_detect = false, header = false,
                    columns = {numbers | {"row": "VARCHAR"}}, delim = '\x1f', quote = '\x02',
                    escape = '\x02', new_line = '\\n', compression = 'none',
                    max_line_size = {limit}, buffer_size = {max(2 * limit, 32 << 20)}
                )
            )
        )"""


def spool_records(
    workspace: Workspace, source: Source, delimiter: str | None, line_end: str
) -> Spool:
    """The records of a text, split as `Splitter` does.

    Raises:
        Refused: if a record is too long, or its lines are not as many as were counted.
    """
    spool, lines = Spool(workspace.folder / "records.rows"), 0
    with source.open() as text:
        for piece in Splitter(delimiter, line_end).split(text):
            if piece.lines:
                spool.add(piece.raw, piece.code, piece.message, piece.lines)
            lines += piece.lines or spool.add_lines(piece.raw)
    if lines != (counted := source.counter().lines(line_end)):
        raise Refused(f"{counted} lines were counted, but the records found have {lines}")
    return spool


def rows_per_group(rows: int, size: int) -> int:
    """How many of so many rows, of a size in bytes, to write at a time in bounded memory."""
    return max(_SMALLEST_GROUP, min(LARGEST_GROUP, _GROUP_BYTES * rows // max(size, 1)))


def copy_rows(
    workspace: Workspace,
    query: str,
    columns: Sequence[tuple[str, str]],
    number: str,
    group: int,
    good: int | None = None,
) -> int:
    """Let DuckDB write the landed file, `group` rows at a time; returns the number of rows.

    Args:
        workspace: where to work.
        query: what to select from.
        columns: SQL for the value of each declared column, and its name.
        number: SQL for the record's number.
        group: rows to write at a time.
        good: how many rows there must be, where that is known; Refused if there are not.
    """
    values = ", ".join(f"{value} as {quote_name(name)}" for value, name in columns)
    row = workspace.connection.execute(
        f"copy (select {values}, {number} as {RECORD_COLUMN} from {query}) to"
        f" {quote_text(workspace.landed)}"
        f" (format parquet, compression zstd, row_group_size {group})"
    ).fetchone()
    landed: int = row[0] if row else 0
    if good not in (None, landed):
        raise Refused(f"{good} good records were found, but {landed} rows landed")
    return landed


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
