"""Finds a delimited text's delimiter, the ends of its lines and its header, from its beginning."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from casebook.readers.archives import open_utf8
from casebook.readers.split import Splitter

DELIMITERS = (",", ";", "\t", "|")
HEAD_BYTES = 1 << 20
_SAMPLE_RECORDS = 1000
# Rows end in a delimiter more where, of so many, not one has as many fields as the header.
_EXTRA_TO_EXACT = 9
_SEP_LINE = re.compile(rb'"?sep=(.)"?\r*[\n\r]+', re.IGNORECASE)


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
        skipped: physical lines before the header that are no records: `sep=;` and `skip_lines`.
    """

    delimiter: str
    names: tuple[str, ...]
    first_line: int = 1
    line_end: str = "\n"
    has_extra: bool = False
    skipped: int = 0

    @property
    def layout(self) -> dict[str, Any]:
        """All that reading one record by itself takes; see `Reading.layout`."""
        layout: dict[str, Any] = {"delimiter": self.delimiter, "header": list(self.names)}
        return {**layout, "has_extra": True} if self.has_extra else layout


def find_header(
    head: bytes,
    count_known: Callable[[Sequence[str]], int] | None = None,
    skip_lines: int = 0,
    is_all: bool = True,
) -> Header | None:
    """The header of a text, by its beginning.

    The delimiter is the one that a first line `sep=;` names; else the one by which the header
    names the most known columns, then the one under which the most of the first records have as
    many fields as it, then the one that makes the most fields (where nothing is known) or the
    first of `DELIMITERS`.

    Args:
        head: the first `HEAD_BYTES` of the text, in UTF-8 without a byte order mark.
        count_known: tells how many known columns are among some names; None where nothing is
            known.
        skip_lines: lines before the header.
        is_all: whether the text ends there.

    Returns:
        The header; None if there is no record.
    """
    line_end = find_line_end(head)
    start, skipped, delimiters = 0, skip_lines, DELIMITERS
    if found := _SEP_LINE.match(head):
        end = re.compile(rb"\r\n|\r" if line_end == "\r" else rb"\r*\n").search(head)
        start, skipped = end.end() if end else len(head), skipped + 1
        delimiters = (found.group(1).decode("latin-1"),)
    for _ in range(skip_lines):
        end = re.compile(rb"\r\n|[\r\n]" if line_end == "\r" else rb"\n").search(head, start)
        start = end.end() if end else len(head)
    best: tuple[tuple[int, ...], Header] | None = None
    for order, delimiter in enumerate(delimiters):
        records = _first_records(head[start:], delimiter, line_end, is_all)
        if not records:
            return None
        names, first_line = records[0]
        fields = [len(values) for values, _ in records[1:]]
        extra = sum(len(v) == len(names) + 1 and not v[-1] for v, _ in records[1:])
        is_usual = extra > _EXTRA_TO_EXACT * fields.count(len(names))
        has_extra = is_usual and 2 * extra >= len(records)
        names = (*names, "") if has_extra else names
        good = fields.count(len(names))
        known = count_known(names) if count_known else 0
        guessed = (0, 0) if known else (len(names) > 1, len(names))
        rank = (known, guessed[0], good, guessed[1], -order)
        if best is None or rank > best[0]:
            line = first_line + skipped
            best = rank, Header(delimiter, names, line, line_end, has_extra, skipped)
    return best[1] if best else None


def find_line_end(head: bytes) -> str:
    """What ends a text's lines: CR where it comes first outside quotes without LF, else LF."""
    outside = re.compile(rb'(?:[^"\r\n]|"[^"]*"|"[^"]*\Z)*+').match(head)
    at = outside.end() if outside else 0
    rest = head[at:].lstrip(b"\r")
    return "\r" if head[at : at + 1] == b"\r" and not rest.startswith(b"\n") else "\n"


def split_fields(raw: bytes, delimiter: str) -> tuple[str, ...]:
    """The fields of a record that is split off; quotes mean nothing where they are not in order."""
    mark = re.escape(delimiter.encode())
    field = re.compile(rb'%b("(?:[^"]++|"")*+"|(?!")[^%b]*+)' % (mark, mark))
    fields, at = [], 0
    whole = delimiter.encode() + raw
    while at < len(whole):
        found = field.match(whole, at)
        if found is None or whole[found.end() : found.end() + 1] not in (b"", delimiter.encode()):
            fields = raw.split(delimiter.encode())
            break
        value = found.group(1)
        fields.append(value[1:-1].replace(b'""', b'"') if value.startswith(b'"') else value)
        at = found.end()
    return tuple(value.decode("utf-8", "backslashreplace") for value in fields)


def _first_records(
    head: bytes, delimiter: str, line_end: str, is_all: bool
) -> list[tuple[tuple[str, ...], int]]:
    """The fields of the first records, the header's without blanks around them, and their lines."""
    records: list[tuple[tuple[str, ...], int]] = []
    line = 1
    for piece in Splitter(delimiter, line_end).split(io.BytesIO(head)):
        raws = [piece.raw] if piece.lines else piece.raw.split(b"\n")[:-1]
        for raw in islice(raws, _SAMPLE_RECORDS + 1):
            if raw:
                fields = split_fields(raw, delimiter)
                records.append((fields if records else tuple(map(str.strip, fields)), line))
            line += piece.lines or 1
        if len(records) > _SAMPLE_RECORDS:
            return records
    return records if is_all or len(records) < 2 else records[:-1]


def guess_header(path: Path, compression: str | None, skip_lines: int = 0) -> Header | None:
    """The header of a file of which no columns are declared; None if the file has no record."""
    with open_utf8(path, compression) as text:
        head = text.read(HEAD_BYTES)
    return find_header(head, None, skip_lines, len(head) < HEAD_BYTES)
