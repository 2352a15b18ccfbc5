"""Records as rows of text that SQL classifies and lands, from the file itself or from a spool."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from casebook.errors import Refused
from casebook.readers.base import RECORD_COLUMN, Workspace
from casebook.sql import quote_name, quote_text

_WRAP, _MARK, _BETWEEN = b"\x02", b"\x03", b"\x1f"
_LINE_LIMIT = 2 << 20
LARGEST_GROUP, _SMALLEST_GROUP, _GROUP_BYTES = 122_880, 2048, 32 << 20


@dataclass(frozen=True)
class Rows:
    """Rows that DuckDB reads.

    Attributes:
        query: selects `n` and `first_line` (null where they are to be counted), `lines` of a
            record, its `text`, or where it cannot be read `code`, `message` and `raw`; in order.
        count: how many rows there must be.
        is_numbered: whether `n` and `first_line` are there.
        has_long_records: whether one has more lines than one.
        row_group: how many rows of such a size to write at a time.
        bad_bytes: the beginning of the first record that is not UTF-8.
    """

    query: str
    count: int
    is_numbered: bool = False
    has_long_records: bool = False
    row_group: int = LARGEST_GROUP
    bad_bytes: bytes = b""

    def numbered(self, is_blank: str, skip_lines: int = 0, headers: int = 0) -> str:
        """SQL for the records with their numbers and first lines, without blank rows.

        Args:
            is_blank: SQL that tells whether a row is no record, or null where it is none.
            skip_lines: lines at the start that are no records either.
            headers: records after these that take no number.
        """
        if self.is_numbered:
            return self.query
        line = "row_number() over ()"
        before = "rows between unbounded preceding and current row"
        if self.has_long_records:
            line = f"(sum(lines) over ({before}) - lines + 1)::bigint"
        lines = f"(select *, {line} as line from {self.query})"
        kept = f"code is not null or coalesce(not ({is_blank}), false) as kept"
        count = f"count(nullif(kept, false)) over ({before})"
        return (
            f"(select * from (select * exclude (n, first_line, line, kept), {count} - {headers} as"
            f" n, line as first_line, kept from (select *, {kept} from {lines}"
            f" where line > {skip_lines})) where kept and n > 0)"
        )


def direct_rows(
    path: Path, compression: str | None, line_end: str, longest: int, count: int
) -> Rows:
    """The lines of a text that all end alike; DuckDB fails where they are not UTF-8.

    Args:
        path: the file.
        compression: one that DuckDB knows, or None.
        line_end: LF, CRLF or CR.
        longest: no line has more bytes.
        count: how many lines there are.
    """
    source = _read_csv(path, compression, "text: 'VARCHAR'", line_end, longest, quote="")
    nothing = "null::varchar as code, null::varchar as message, null::blob as raw"
    numbers = "null::bigint as n, null::bigint as first_line, 1 as lines"
    return Rows(f"(select {numbers}, text, {nothing} from {source})", count)


def _read_csv(
    path: Path, compression: str | None, columns: str, line_end: str, longest: int, quote: str
) -> str:
    limit, packed = max(_LINE_LIMIT, longest + 1024), compression or "none"
    end = line_end.replace("\r", "\\r").replace("\n", "\\n")
    between = quote and _BETWEEN.decode()
    return (
        f"read_csv({quote_text(path)}, auto_detect = false, header = false,"
        f" columns = {{{columns}}}, delim = '{between}', quote = '{quote}', escape = '{quote}',"
        f" new_line = '{end}', compression = '{packed}', max_line_size = {limit},"
        f" buffer_size = {max(2 * limit, 32 << 20)})"
    )


class Spool:
    """A temporary file with a row for each record.

    A row that holds the end of a line is wrapped; one that cannot be read, or that stands in more
    lines than it has line feeds, is marked, and its bytes spelled so that it is text.

    Args:
        path: the file to write.
        is_numbered: whether every row comes with its number and its first line.
    """

    def __init__(self, path: Path, *, is_numbered: bool = False) -> None:
        self.path, self.is_numbered = path, is_numbered
        self._count = self._size = self._longest = 0
        self._bad_bytes, self._has_long_records = b"", False
        self._file = path.open("wb")

    def add_lines(self, lines: bytes) -> None:
        """Add lines that each end in a line feed, as a row each."""
        is_plain = not any(mark in lines for mark in (_WRAP, _MARK, _BETWEEN, b"\r"))
        if is_plain and is_utf8(lines):
            self._file.write(lines)
            self._count += lines.count(b"\n")
            self._size += len(lines)
            self._longest = max(self._longest, len(lines))
        else:
            for line in lines[:-1].split(b"\n"):
                self.add(line)

    def add(
        self,
        raw: bytes,
        code: str | None = None,
        message: str = "",
        lines: int = 1,
        number: tuple[int, int] | None = None,
    ) -> None:
        """Add one row.

        Args:
            raw: the record's bytes.
            code: why it cannot be read, or None; bytes that are not UTF-8 need none.
            message: that, for people.
            lines: lines that it stands in.
            number: its number and its first line, where the spool is numbered.
        """
        if code is None and not raw.isascii():
            try:
                raw.decode("utf-8")
            except UnicodeDecodeError as error:
                place = f"byte 0x{raw[error.start]:02X} at byte {error.start + 1} of the record"
                code, message = "bad_bytes", f"not UTF-8: {place}"
                self._bad_bytes = self._bad_bytes or raw[:4096]
        row = raw
        if code or raw.startswith(_MARK) or lines > 1 + raw.count(b"\n"):
            parts = (b"", (code or "").encode(), message.encode(), b"%d" % lines)
            row = _MARK.join((*parts, base64.b64encode(raw)))
        elif b"\n" in raw or b"\r" in raw or _WRAP in raw or _BETWEEN in raw:
            row = _WRAP + raw.replace(_WRAP, _WRAP + _WRAP) + _WRAP
        if number:
            row = b"%d\x1f%d\x1f%b" % (*number, row)
        self._has_long_records |= lines > 1
        self._longest = max(self._longest, len(row))
        self._size += self._file.write(row + b"\n")
        self._count += 1

    def rows(self) -> Rows:
        """What was added; nothing can be added any more."""
        self._file.close()
        numbers = "n: 'BIGINT', first_line: 'BIGINT', " if self.is_numbered else ""
        columns = f"{numbers}row: 'VARCHAR'"
        source = _read_csv(self.path, None, columns, "\n", self._longest, _WRAP.decode())
        query = f"""(
            select
                {"n, first_line" if numbers else "null::bigint as n, null::bigint as first_line"},
                case
                    when parts is not null then parts[4]::int
                    when {self._has_long_records} and row is not null
                        then 1 + len(row) - len(replace(row, chr(10), ''))
                    else 1
                end as lines,
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
                from {source}
            )
        )"""
        group = rows_per_group(self._count, self._size)
        is_long = self._has_long_records
        return Rows(query, self._count, self.is_numbered, is_long, group, self._bad_bytes)


def rows_per_group(rows: int, size: int) -> int:
    """How many of so many rows, of a size in bytes, to write at a time in bounded memory."""
    return max(_SMALLEST_GROUP, min(LARGEST_GROUP, _GROUP_BYTES * rows // max(size, 1)))


def is_utf8(text: bytes) -> bool:
    """Whether all of it is UTF-8."""
    try:
        return text.isascii() or text.decode("utf-8") is not None
    except UnicodeDecodeError:
        return False


def copy_rows(
    workspace: Workspace, query: str, columns: Sequence[tuple[str, str]], number: str, group: int
) -> int:
    """Let DuckDB write the landed file; returns the number of rows.

    Args:
        workspace: where to work.
        query: what to select from.
        columns: SQL for the value of each declared column, and its name.
        number: SQL for the record's number.
        group: rows to write at a time.
    """
    values = ", ".join(f"{value} as {quote_name(name)}" for value, name in columns)
    row = workspace.connection.execute(
        f"copy (select {values}, {number} as {RECORD_COLUMN} from {query}) to"
        f" {quote_text(workspace.landed)}"
        f" (format parquet, compression zstd, row_group_size {group})"
    ).fetchone()
    return row[0] if row else 0


def check_landed(landed: int, good: int) -> None:
    """Refuse a file of which DuckDB did not write every good record.

    Raises:
        Refused: if the numbers differ.
    """
    if landed != good:
        raise Refused(f"{good} good records were found, but {landed} rows landed")
