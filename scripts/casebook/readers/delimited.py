"""Delimited text: CSV and its relatives, with a header."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from io import BytesIO
from itertools import islice
from typing import TYPE_CHECKING, Any

from casebook.errors import Refused
from casebook.readers.archives import open_text
from casebook.readers.base import Raw, Reader, Reading, Text, Workspace
from casebook.readers.delimited_count import DelimitedCounter
from casebook.readers.delimited_header import Header, find_header, match_columns, split
from casebook.readers.delimited_land import LARGE_FILE, land_at_once, land_one_by_one
from casebook.readers.delimited_split import Record, Splitter

if TYPE_CHECKING:
    from casebook.sources import Table

_BLANK_LINES = (b"\n", b"\r\n")


def read(raw: Raw, workspace: Workspace) -> Reading:
    """Land a file of delimited text.

    DuckDB reads it at once, if an independent pass finds nothing that DuckDB may take otherwise
    than it is meant, and counts as many records as DuckDB lands. If not, or if DuckDB cannot read
    it, it is split record by record; then the lines of all records must be as many as that pass
    counted.

    Raises:
        Refused: if the file has no header, the header lacks a required column, or a record is
            too long.
    """
    header = find_header(raw)
    columns = match_columns(raw.table, header.names)
    is_large = raw.path.stat().st_size >= LARGE_FILE
    if is_large or _count_plain(raw, header) is not None:
        landed = land_at_once(raw, workspace, header, columns)
        if landed is not None and landed == _count_plain(raw, header):
            return Reading(landed, landed, columns.ignored, header.layout)
    with _split(raw, header) as records:
        landed = land_one_by_one(raw.table, workspace, header, columns, islice(records, 1, None))
    lines = raw.measured().text.lines
    if records.lines != lines:
        raise Refused(f"{lines} lines were counted, but the records found have {records.lines}")
    return Reading(records.records - 1, landed, columns.ignored, header.layout)


def _split(raw: Raw, header: Header) -> AbstractContextManager[Splitter]:
    return split(raw.path, raw.compression, header.delimiter, len(header.names))


def _count_plain(raw: Raw, header: Header) -> int | None:
    """The records of a file that DuckDB takes as they are meant; None where it may not.

    Every line outside quotes is then a record, if it is neither blank nor the header. Delimiters
    tell whether records have all their fields and no more: DuckDB takes no notice of empty fields
    beyond the last.
    """
    counter = raw.measured().text
    assert isinstance(counter, DelimitedCounter)
    outside = counter.finish()
    if not counter.is_plain or outside.ends_quoted or header.first_line > 1:
        return None
    if outside.returns not in (0, outside.ends):
        return None
    delimiters, per_record = outside.delimiters[header.delimiter], len(header.names) - 1
    if delimiters == outside.lines * per_record and per_record:
        return outside.lines - 1
    records = outside.lines - _count_blank_lines(raw)
    return records - 1 if delimiters == records * per_record else None


def _count_blank_lines(raw: Raw) -> int:
    blank, is_quoted = 0, False
    with open_text(raw.path, raw.compression) as text:
        for line in text:
            blank += not is_quoted and line in _BLANK_LINES
            is_quoted ^= line.count(b'"') % 2 == 1
    return blank


def texts(raw: Raw) -> Iterator[tuple[int, bytes]]:
    """The number and the bytes of each record."""
    with _split(raw, find_header(raw)) as records:
        for record in islice(records, 1, None):
            yield record.number, record.raw


def land_again(
    table: Table, workspace: Workspace, layout: dict[str, Any], texts: Sequence[Text]
) -> int:
    """Land delimited records by themselves (`Reader.again`), each split as in its file.

    The header is matched anew, so that an alias counts that was declared since. A required column
    may be missing: that is a question about a file, and staging rejects such a record.
    """
    header = Header(layout["delimiter"], tuple(layout["header"]))
    columns = match_columns(table, header.names)
    records = (_split_again(header, text) for text in texts)
    return land_one_by_one(table, workspace, header, columns, records)


def _split_again(header: Header, text: Text) -> Record:
    """The record that a text is, under its own number."""
    found = list(islice(Splitter(BytesIO(text.raw), header.delimiter, len(header.names)), 2))
    if len(found) == 1:
        return replace(found[0], number=text.number, first_line=text.first_line)
    record = Record(text.number, text.first_line, text.raw)
    record.reason_code = "not_one_record"
    record.message = "more than one record" if found else "no record"
    if found and found[0].reason_code in ("unclosed_quote", "text_after_quote"):
        record.reason_code, record.message = found[0].reason_code, found[0].message
    return record


READER = Reader("delimited", read, texts, land_again, DelimitedCounter)
