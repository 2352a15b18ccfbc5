"""Delimited text: CSV and its relatives, with a header."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

from casebook.errors import Refused
from casebook.readers.archives import open_utf8
from casebook.readers.base import Raw, Reader, Reading, Text, Workspace
from casebook.readers.columns import Columns, coalesced, match_columns
from casebook.readers.count import DelimitedCounter
from casebook.readers.header import Header, header_of
from casebook.readers.split import Splitter
from casebook.readers.text import (
    LARGEST_GROUP,
    Source,
    Spool,
    copy_rows,
    notes_on_encoding,
    prepare,
    spool_records,
)
from casebook.sql import quote_text

if TYPE_CHECKING:
    import duckdb

    from casebook.sources import Table

LARGE_FILE = 8 << 20
ROW_GROUP = LARGEST_GROUP
_BLANK_LINES = (b"\n", b"\r\n")
_SETTINGS = ("memory_limit", "threads", "temp_directory", "preserve_insertion_order")


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
        header, columns = header_of(raw.table, text)
    if source.size >= LARGE_FILE or _count_plain(source, header) is not None:
        landed = _land_at_once(workspace, source, header, columns)
        if landed is not None and landed == _count_plain(source, header):
            return Reading(landed, landed, columns.ignored, header.layout)
    spool = spool_records(workspace, source, header.delimiter, header.line_end)
    records = spool.records(workspace, "text = ''", header.first_line - 1, headers=1)
    total, landed = _land(workspace, spool.row_group, records, header, columns)
    row = workspace.connection.execute(f"select count(*) from {records}").fetchone()
    if row != (total,):
        raise Refused(f"{row and row[0]} records were counted, but DuckDB read {total}")
    notes = notes_on_encoding(raw.table, spool.bad_bytes)
    return Reading(total, landed, columns.ignored, header.layout, notes)


def _count_plain(source: Source, header: Header) -> int | None:
    """The records of a file that DuckDB takes as they are meant; None where it may not."""
    # DuckDB takes no notice of empty fields beyond the last: so delimiters are counted, too.
    counter = source.counter()
    assert isinstance(counter, DelimitedCounter)
    outside = counter.finish()
    is_odd = header.first_line > 1 or header.has_extra or header.line_end == "\r"
    if is_odd or not counter.is_plain or outside.ends_quoted:
        return None
    if outside.returns not in (0, outside.ends) or header.delimiter not in outside.delimiters:
        return None
    delimiters, per_record = outside.delimiters[header.delimiter], len(header.names) - 1
    records = outside.lines
    if delimiters != records * per_record or not per_record:
        records -= _count_blank_lines(source)
    return records - 1 if delimiters == records * per_record else None


def _count_blank_lines(source: Source) -> int:
    blank, is_quoted = 0, False
    with source.open() as text:
        for line in text:
            blank += not is_quoted and line in _BLANK_LINES
            is_quoted ^= line.count(b'"') % 2 == 1
    return blank


def _land_at_once(
    workspace: Workspace, source: Source, header: Header, columns: Columns
) -> int | None:
    """Let DuckDB read and write the whole file; None where it cannot."""
    import duckdb

    types = ", ".join(f"c{place}: 'VARCHAR'" for place in range(len(header.names)))
    query = f"""
        read_csv(
            {quote_text(source.path)}, auto_detect = false, header = true, columns = {{{types}}},
            delim = {quote_text(header.delimiter)}, quote = '"', escape = '"', strict_mode = true,
            null_padding = false, compression = {quote_text(source.compression or "none")}
        )
    """
    values = [(coalesced(f"c{p}" for p in places), name) for name, places in columns.places.items()]
    # A large file is not known to be clean yet: some bad bytes make the whole database useless.
    own = _like if source.size >= LARGE_FILE else nullcontext
    try:
        with own(workspace.connection) as connection:
            there = replace(workspace, connection=connection)
            return copy_rows(there, query, values, "null::bigint", ROW_GROUP)
    except (duckdb.Error, UnicodeDecodeError):  # The last: a message may end within a character.
        return None


def _like(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """A connection to another database, with the same bounds."""
    import duckdb

    values = ", ".join(f"current_setting({quote_text(name)})" for name in _SETTINGS)
    row = connection.execute(f"select {values}").fetchone() or ()
    return duckdb.connect(config=dict(zip(_SETTINGS, map(str, row), strict=True)))


def _land(
    workspace: Workspace, group: int, records: str, header: Header, columns: Columns
) -> tuple[int, int]:
    """Land the good ones of numbered records, quarantine the others; how many in all, and good."""
    delimiter, width, mark = quote_text(header.delimiter), len(header.names), header.delimiter
    mark = "\\" + mark if mark in "|^$.*+?()[]{}\\-/" else mark
    field = f'{mark}("(?:[^"]|"")*"|[^"{mark}][^{mark}]*|)'
    fields = f"""
        case
            when quoted then regexp_extract_all({delimiter} || text, {quote_text(field)}, 1)
            else string_split(text, {delimiter})
        end
    """
    is_good = f"code is null and len(fields) = {width}"
    if header.has_extra:
        is_good += f" and fields[{width}] in ('', '\"\"')"
    quoted = f"(select *, contains(text, '\"') as quoted from {records})"
    split = f"(select *, {fields} as fields from {quoted})"

    def value(place: int) -> str:
        text = f"fields[{place + 1}]"
        plain = f"replace({text}[2:-2], '\"\"', '\"')"
        text = f"case when quoted and starts_with({text}, '\"') then {plain} else {text} end"
        return f"nullif({text}, '')"

    values = [(coalesced(map(value, places)), name) for name, places in columns.places.items()]
    good = f"(select * from {split} where {is_good})"
    landed = copy_rows(workspace, good, values, "n", group)
    message = f"len(fields) || ' fields instead of {width - header.has_extra}'"
    bad = workspace.quarantine.add_query(
        workspace.connection,
        "select n as record, first_line, coalesce(code, 'wrong_field_count') as reason_code,"
        f" coalesce(message, {message}) as message, coalesce(raw, encode(text)) as raw"
        f" from {split} where not ({is_good})",
    )
    return landed + bad, landed


def texts(raw: Raw) -> Iterator[tuple[int, bytes]]:
    """The number and the bytes of each record."""
    with open_utf8(raw.path, raw.compression, raw.table.encoding) as text:
        header, _ = header_of(raw.table, text)
    line, number = 1, count(0)
    with open_utf8(raw.path, raw.compression, raw.table.encoding) as text:
        for piece in Splitter(header.delimiter, header.line_end).split(text):
            for record in piece.records:
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
    has_extra = layout.get("has_extra", False)
    header = Header(layout["delimiter"], tuple(layout["header"]), has_extra=has_extra)
    columns = match_columns(table, header.names)
    spool = Spool(workspace.folder / "again.rows", is_numbered=True)
    splitter = Splitter(header.delimiter, "\n")
    for text in texts:
        pieces = list(splitter.split(io.BytesIO(text.raw)))
        records = [record for piece in pieces for record in piece.records]
        code, message = (pieces[0].code, pieces[0].message) if pieces else (None, "")
        if code is None and (len(records) != 1 or not records[0]):
            code = "not_one_record"
            message = "more than one record" if len(records) > 1 else "no record"
        raw = text.raw if code else records[0]
        spool.add(raw, code, message, 1, (text.number, text.first_line))
    return _land(workspace, spool.row_group, spool.records(workspace), header, columns)[1]


READER = Reader("delimited", "delimited text", read, texts, land_again, DelimitedCounter)
