"""JSON lines: one object a line; blank lines count for nothing."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from casebook.errors import Refused
from casebook.readers.archives import open_utf8
from casebook.readers.base import Raw, Reader, Reading, Workspace
from casebook.readers.count import JsonCounter
from casebook.readers.json_fast import land_at_once
from casebook.readers.json_rows import land_again, land_rows
from casebook.readers.rows import Rows, Spool, direct_rows
from casebook.readers.split import Splitter
from casebook.readers.text import (
    Source,
    check_lines,
    line_end_of,
    notes_on_encoding,
    prepare,
    spool_records,
)


def read(raw: Raw, workspace: Workspace) -> Reading:
    """Land a file of JSON lines.

    DuckDB reads it at once, if the rows landed are as many as the lines that an independent pass
    counted, less the blank ones. If not, SQL classifies it line by line; then the lines must be as
    many as that pass counted.

    Raises:
        Refused: if no record has a required column, or a line is too long.
    """
    import duckdb

    source = prepare(raw, workspace, JsonCounter)
    fast = land_at_once(raw.table, workspace, source, "newline_delimited")
    if fast is not None:
        landed, ignored = fast
        blank = source.counter().lines - landed
        if blank == (_count_blank(source) if blank else 0):
            return Reading(landed, landed, ignored)
    counter = source.counter()
    check_lines(counter)
    if counter.line_end in ("\n", "\r\n") and not counter.has_nul:
        try:
            rows = direct_rows(source.path, source.compression, counter.line_end, counter.longest)
            _check_count(workspace, rows, counter.lines)
            return _read_rows(raw, workspace, rows)
        except (duckdb.InvalidInputException, duckdb.IOException):
            pass  # bytes that are not UTF-8, or an archive that DuckDB cannot unpack: spooled
    spool = Spool(workspace.folder / "records.rows")
    end = line_end_of(counter)
    with source.open() as text:
        lines = spool_records(text, Splitter(None, end), spool)
    if lines != counter.lines_by(end):
        raise Refused(f"{counter.lines_by(end)} lines were counted, but {lines} were found")
    _check_count(workspace, spool.rows(), spool.count)
    reading = _read_rows(raw, workspace, spool.rows())
    reading.notes.extend(notes_on_encoding(raw.table, spool.bad_bytes))
    spool.path.unlink()
    return reading


def _read_rows(raw: Raw, workspace: Workspace, rows: Rows) -> Reading:
    records, landed, ignored = land_rows(raw.table, workspace, rows)
    return Reading(records, landed, ignored)


def _count_blank(source: Source) -> int:
    blank = 0
    with source.open() as text:
        for piece in Splitter(None, "\n").split(text):
            blank += sum(1 for line in piece.raw.split(b"\n")[:-1] if not line.strip())
    return blank


def _check_count(workspace: Workspace, rows: Rows, lines: int) -> None:
    found = workspace.connection.execute(f"select count(*) from {rows.query}").fetchone()
    if found != (lines,):
        raise Refused(f"{lines} lines were counted, but DuckDB found {found and found[0]}")


def texts(raw: Raw) -> Iterator[tuple[int, bytes]]:
    """The number and the bytes of each line that is not blank."""
    number = count(1)
    end = line_end_of(raw.measured().text)
    with open_utf8(raw.path, raw.compression, raw.table.encoding) as text:
        for piece in Splitter(None, end).split(text):
            for line in piece.raw.split(b"\n")[:-1]:
                if line.strip():
                    yield next(number), line


READER = Reader("json_lines", "JSON", read, texts, land_again, JsonCounter)
