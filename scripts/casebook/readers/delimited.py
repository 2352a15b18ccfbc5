"""Delimited text: CSV and its relatives, with a header."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

from casebook.errors import Refused
from casebook.readers.archives import open_utf8
from casebook.readers.base import Raw, Reader, Reading, Text, Workspace
from casebook.readers.columns import Columns, check_columns, match_columns, shorten
from casebook.readers.delimited_count import DelimitedCounter
from casebook.readers.delimited_rows import land_at_once, land_rows
from casebook.readers.header import HEAD_BYTES, Header, find_header
from casebook.readers.rows import Rows, Spool, direct_rows
from casebook.readers.split import Splitter
from casebook.readers.text import Source, check_lines, notes_on_encoding, prepare, spool_records

if TYPE_CHECKING:
    from casebook.sources import Table

LARGE_FILE = 8 << 20
_BLANK_LINES = (b"\n", b"\r\n")


def read(raw: Raw, workspace: Workspace) -> Reading:
    """Land a file of delimited text.

    DuckDB reads it at once, if an independent pass finds nothing that DuckDB may take otherwise
    than it is meant, and counts as many records as DuckDB lands. If not, or if DuckDB cannot read
    it, it is split into records, which SQL takes apart; then the lines of all records must be as
    many as that pass counted.

    Raises:
        Refused: if the file has no header, the header lacks a required column, or a record is
            too long.
    """
    source = prepare(raw, workspace, DelimitedCounter)
    with source.open() as text:
        head = text.read(HEAD_BYTES)
    header, columns = _header(raw.table, head)
    if source.size >= LARGE_FILE or _count_plain(source, header) is not None:
        landed = land_at_once(raw.table, workspace, source, header, columns)
        if landed is not None and landed == _count_plain(source, header):
            return Reading(landed, landed, columns.ignored, header.layout)
    reading = _read_lines(raw.table, workspace, source, header, columns)
    return reading or _read_records(raw.table, workspace, source, header, columns)


def _header(table: Table, head: bytes) -> tuple[Header, Columns]:
    """The header of a text, and where it has the declared columns."""

    def count_known(names: Sequence[str]) -> int:
        return sum(map(bool, match_columns(table, names).places.values()))

    header = find_header(head, count_known, table.skip_lines, len(head) < HEAD_BYTES)
    if header is None:
        raise Refused("no header: the file is empty")
    columns = match_columns(table, header.names)
    if not columns.read:
        shown = shorten(header.delimiter.join(header.names))
        later = "" if table.skip_lines else _find_later(head, count_known)
        if later or not columns.missing:
            raise Refused(f"no header: its first record is: {shown}{later}")
    check_columns(columns, header.names)
    return header, columns


def _find_later(head: bytes, count_known: Callable[[Sequence[str]], int]) -> str:
    """A hint at lines before the header, where a later line names declared columns."""
    for skipped in range(1, 11):
        header = find_header(head, count_known, skipped)
        if header is None:
            return ""
        if count_known(header.names) > 1:
            lines = header.first_line - 1
            return f"; line {lines + 1} looks like the header: declare `skip_lines: {lines}`"
    return ""


def _count_plain(source: Source, header: Header) -> int | None:
    """The records of a file that DuckDB takes as they are meant; None where it may not.

    Every line outside quotes is then a record, if it is neither blank nor the header. Delimiters
    tell whether records have all their fields and no more: DuckDB takes no notice of empty fields
    beyond the last.
    """
    counter = source.counter()
    assert isinstance(counter, DelimitedCounter)
    outside = counter.finish()
    is_odd = header.first_line > 1 or header.has_extra or header.line_end == "\r"
    if is_odd or not counter.is_plain or outside.ends_quoted:
        return None
    if outside.returns not in (0, outside.ends) or header.delimiter not in outside.delimiters:
        return None
    delimiters, per_record = outside.delimiters[header.delimiter], len(header.names) - 1
    if delimiters == outside.lines * per_record and per_record:
        return outside.lines - 1
    records = outside.lines - _count_blank_lines(source)
    return records - 1 if delimiters == records * per_record else None


def _count_blank_lines(source: Source) -> int:
    blank, is_quoted = 0, False
    with source.open() as text:
        for line in text:
            blank += not is_quoted and line in _BLANK_LINES
            is_quoted ^= line.count(b'"') % 2 == 1
    return blank


def _read_lines(
    table: Table, workspace: Workspace, source: Source, header: Header, columns: Columns
) -> Reading | None:
    """Land a text without quotes, each line of which is a record; None where it is not so."""
    import duckdb

    counter = source.counter()
    assert isinstance(counter, DelimitedCounter)
    if counter.quotes or counter.has_nul or counter.line_end is None:
        return None
    check_lines(counter)
    longest = 0 if counter.line_end == "\r" else counter.longest
    try:
        rows = direct_rows(source.path, source.compression, counter.line_end, longest)
        lines = counter.lines_by(header.line_end)
        return _land(table, workspace, rows, header, columns, lines, has_quotes=False)
    except (duckdb.InvalidInputException, duckdb.IOException):
        return None  # bytes that are not UTF-8, or a long line


def _read_records(
    table: Table, workspace: Workspace, source: Source, header: Header, columns: Columns
) -> Reading:
    """Land a text by way of a spool with a row for each record."""
    spool = Spool(workspace.folder / "records.rows")
    with source.open() as text:
        lines = spool_records(text, Splitter(header.delimiter, header.line_end), spool)
    counted = source.counter().lines_by(header.line_end)
    if lines != counted:
        raise Refused(f"{counted} lines were counted, but the records found have {lines}")
    reading = _land(table, workspace, spool.rows(), header, columns, spool.count)
    spool.path.unlink()
    return replace(reading, notes=notes_on_encoding(table, spool.bad_bytes))


def _land(
    table: Table,
    workspace: Workspace,
    rows: Rows,
    header: Header,
    columns: Columns,
    counted: int,
    has_quotes: bool = True,
) -> Reading:
    records = rows.numbered("text = ''", header.first_line - 1, headers=1)
    is_record = "code is not null or text <> ''"
    row = workspace.connection.execute(
        f"select count(*), count(*) filter ({is_record}) - 1 from {rows.query}"
        if header.first_line == 1
        else f"select {counted}, count(*) from {records}"
    ).fetchone()
    found, expected = row or (0, 0)
    if found != counted:
        raise Refused(f"{counted} rows were counted, but DuckDB found {found}")
    total, landed = land_rows(table, workspace, rows, records, header, columns, has_quotes)
    if total != expected:
        raise Refused(f"{expected} records were counted, but DuckDB read {total}")
    return Reading(total, landed, columns.ignored, header.layout)


def texts(raw: Raw) -> Iterator[tuple[int, bytes]]:
    """The number and the bytes of each record."""
    with open_utf8(raw.path, raw.compression, raw.table.encoding) as text:
        header, _ = _header(raw.table, text.read(HEAD_BYTES))
    line, number = 1, count(0)
    with open_utf8(raw.path, raw.compression, raw.table.encoding) as text:
        for piece in Splitter(header.delimiter, header.line_end).split(text):
            for record in [piece.raw] if piece.lines else piece.raw.split(b"\n")[:-1]:
                if line >= header.first_line and record and (n := next(number)):
                    yield n, record
                line += piece.lines or 1


def land_again(
    table: Table, workspace: Workspace, layout: dict[str, Any], texts: Sequence[Text]
) -> int:
    """Land delimited records by themselves (`Reader.again`), each split as in its file.

    The header is matched anew, so that an alias counts that was declared since. A required column
    may be missing: staging rejects such a record.
    """
    header = Header(
        layout["delimiter"], tuple(layout["header"]), has_extra=layout.get("has_extra", False)
    )
    columns = match_columns(table, header.names)
    spool = Spool(workspace.folder / "again.rows", is_numbered=True)
    splitter = Splitter(header.delimiter, "\n")
    for text in texts:
        pieces = list(splitter.split(io.BytesIO(text.raw)))
        code, message = pieces[0].code if pieces else None, pieces[0].message if pieces else ""
        records = sum(1 if p.lines else len(p.raw[:-1].split(b"\n")) for p in pieces)
        raw = pieces[0].raw.removesuffix(b"\n") if records == 1 else text.raw
        if code is None and (records != 1 or not raw):
            code = "not_one_record"
            message = "more than one record" if records > 1 else "no record"
        spool.add(text.raw if code else raw, code, message, 1, (text.number, text.first_line))
    rows = spool.rows()
    _, landed = land_rows(table, workspace, rows, rows.query, header, columns)
    spool.path.unlink()
    return landed


READER = Reader("delimited", "delimited text", read, texts, land_again, DelimitedCounter)
