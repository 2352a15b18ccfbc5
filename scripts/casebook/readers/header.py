"""Finds a delimited text's delimiter, the ends of its lines and its header, from its beginning."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from casebook.errors import Refused
from casebook.readers.archives import open_utf8
from casebook.readers.columns import MAX_COLUMNS, Columns, checked, match_columns, shorten
from casebook.readers.count import DELIMITERS
from casebook.readers.split import SMALL_BLOCK, Splitter

if TYPE_CHECKING:
    from casebook.sources import Table

_HEAD_BYTES, _LARGEST_HEAD = 1 << 20, 4 << 20
_SAMPLE_RECORDS = 1000
# Rows end in a delimiter more where, of so many, not one has as many fields as the header.
_EXTRA_TO_EXACT = 9
_SEP_LINE = re.compile(rb'"?sep=(.)"?\r*[\n\r]+', re.IGNORECASE)
_LINE_END = {"\r": re.compile(rb"\r\n|[\r\n]"), "\n": re.compile(rb"(?:(?<!\r)\r+)?\n")}


@dataclass(frozen=True)
class Header:
    """The header of a text.

    Attributes:
        delimiter: the character between two fields.
        names: the columns' names, without blanks around them; an empty one has no name.
        first_line: the 1-based number of the line that it begins in.
        line_end: `\\r` where carriage returns end lines, else `\\n`: line feeds do, and carriage
            returns beside them mean nothing.
        has_extra: whether every record ends in a delimiter, and the header does not: then the
            last name is empty, and no record may have a value for it.
    """

    delimiter: str
    names: tuple[str, ...]
    first_line: int = 1
    line_end: str = "\n"
    has_extra: bool = False

    @property
    def layout(self) -> dict[str, Any]:
        """All that reading one record by itself takes; see `Reading.layout`."""
        layout: dict[str, Any] = {"delimiter": self.delimiter, "header": list(self.names)}
        return {**layout, "has_extra": True} if self.has_extra else layout


def header_of(table: Table, text: BinaryIO) -> tuple[Header, Columns]:
    """The header of a declared table's file, and where it has the declared columns.

    Raises:
        Refused: if there is none, or it lacks a required column.
    """
    head = _read_head(text, table.skip_lines)
    header = _find_header(head, table, table.skip_lines)
    if header is None:
        raise Refused("no header: the file is empty")
    names = header.names[: MAX_COLUMNS + 1]
    columns = match_columns(table, names)
    if not columns.read:
        shown = shorten(header.delimiter.join(names))
        later = "" if table.skip_lines else _find_later(head, table)
        if later or not columns.missing:
            raise Refused(f"no header: its first record is: {shown}{later}")
    return header, checked(table, header.names)


def guess_header(path: Path, compression: str | None, skip_lines: int = 0) -> Header | None:
    """The header of a file of which no columns are declared; None if the file has no record."""
    with open_utf8(path, compression) as text:
        return _find_header(_read_head(text, skip_lines), None, skip_lines)


def _read_head(text: BinaryIO, skip_lines: int) -> bytes:
    """The beginning of a text, with the header and all before it; Refused if that is too long."""
    head = text.read(_HEAD_BYTES)
    while len(head) >= _HEAD_BYTES:
        lines = head.lstrip(b"\r\n")
        ends = max(lines.count(b"\n"), lines.count(b"\r"))
        if ends <= skip_lines and len(head) >= _LARGEST_HEAD:
            raise Refused(f"no header: it does not end in the first {_LARGEST_HEAD >> 20} MiB")
        if ends > skip_lines + 1 or len(head) >= _LARGEST_HEAD:
            break
        if not (more := text.read(len(head))):
            break
        head += more
    return head


def _find_later(head: bytes, table: Table) -> str:
    """A hint at lines before the header, where a later line names declared columns."""
    for skipped in range(1, 11):
        header = _find_header(head, table, skipped)
        if header is None:
            return ""
        if _count_known(table, header.names) > 1:
            lines = header.first_line - 1
            return f"; line {lines + 1} looks like the header: declare `skip_lines: {lines}`"
    return ""


def _count_known(table: Table | None, names: Sequence[str]) -> int:
    return sum(map(bool, match_columns(table, names).places.values())) if table else 0


def _find_header(head: bytes, table: Table | None, skip_lines: int) -> Header | None:
    """The header of a text, by its beginning; None if there is no record."""
    # The delimiter is the one that a first line `sep=;` names; else the one by which the header
    # names the most known columns, then by which the most records have as many fields as it.
    line_end = _find_line_end(head)
    start, delimiters, sep = 0, DELIMITERS, _SEP_LINE.match(head)
    if sep:
        delimiters = (sep.group(1).decode("latin-1"),)
    skipped = skip_lines + (sep is not None)
    for _ in range(skipped):
        end = _LINE_END[line_end].search(head, start)
        start = end.end() if end else len(head)
    best: tuple[tuple[int, ...], Header] | None = None
    for order, delimiter in enumerate(delimiters):
        records = _first_records(head, start, delimiter, line_end)
        if not records:
            return None
        names, first_line = tuple(map(str.strip, records[0][0])), records[0][1] + skipped
        fields = [len(values) for values, _ in records[1:]]
        extra = sum(len(v) == len(names) + 1 and not v[-1] for v, _ in records[1:])
        is_usual = extra > _EXTRA_TO_EXACT * fields.count(len(names))
        has_extra = is_usual and 2 * extra >= len(records)
        names = (*names, "") if has_extra else names
        known, good = _count_known(table, names[: MAX_COLUMNS + 1]), fields.count(len(names))
        is_several, most = (0, 0) if known else (len(names) > 1, len(names))
        rank = (known, is_several, good, most, -order)
        if best is None or rank > best[0]:
            best = rank, Header(delimiter, names, first_line, line_end, has_extra)
    return best[1] if best else None


def _find_line_end(head: bytes) -> str:
    """What ends a text's lines: CR where it comes first outside quotes without LF, else LF."""
    outside = re.compile(rb'(?:(?<![^,;\t|])"(?:[^"]|""|)*+"|[^\r\n]|)*+').match(head)
    at = outside.end() if outside else 0
    rest = head[at:].lstrip(b"\r")
    return "\r" if head[at : at + 1] == b"\r" and not rest.startswith(b"\n") else "\n"


def _first_records(
    head: bytes, start: int, delimiter: str, line_end: str
) -> list[tuple[tuple[str, ...], int]]:
    """The fields of the first records from a place on, and their first lines."""
    records: list[tuple[tuple[str, ...], int]] = []
    line = 1
    for piece in Splitter(delimiter, line_end).split(io.BytesIO(head[start:]), SMALL_BLOCK):
        for raw in piece.records:
            if raw:
                records.append((_fields(raw, delimiter), line))
            line += piece.lines or 1
            if len(records) > _SAMPLE_RECORDS:
                return records
    is_all = len(head) < _HEAD_BYTES or len(records) < 2
    return records if is_all else records[:-1]


def _fields(raw: bytes, delimiter: str) -> tuple[str, ...]:
    """The fields of a record; quotes mean nothing where they are not in order."""
    text = raw.decode("utf-8", "backslashreplace")
    if '"' in text:
        with suppress(csv.Error, ValueError):
            # `csv` takes no carriage return outside quotes.
            row = next(csv.reader([text.replace("\r", "\ud80d")], delimiter=delimiter, strict=True))
            return tuple(field.replace("\ud80d", "\r") for field in row)
    return tuple(text.split(delimiter))
