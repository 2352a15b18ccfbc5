"""The records of delimited text as lines of JSON.

A column is of numbers if all values in the file's first rows (1,000, or 1 MiB of text) are empty or
numbers of JSON as they stand, which `007`, `+5`, `.5` and `1,5` are not. An empty value is null. A
later value of such a column that is no number is written as a string.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from itertools import chain
from json.encoder import encode_basestring as quote
from typing import BinaryIO

from casebook.errors import Refused
from casebook.readers.base import MAX_RECORD_BYTES
from casebook.readers.columns import why_bad_bytes
from casebook.readers.count import is_utf8
from casebook.readers.header import Header
from casebook.readers.json_split import Element
from casebook.readers.split import SMALL_BLOCK, Splitter

FIRST_ROWS, FIRST_BYTES = 1000, 1 << 20
_NUMBER = r"[ \t]*+-?+(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?+[0-9]++)?+[ \t]*+"
_is_number = re.compile(_NUMBER).fullmatch
# Stands between values, and for a carriage return, which `csv` does not take; no text has it.
_MARK = "\ud80d"
_all_numbers = re.compile(rf"(?:(?:{_NUMBER})?+{_MARK})*+").fullmatch
_Rows = tuple[list[list[str]], int]
csv.field_size_limit(MAX_RECORD_BYTES)


def read_delimited(text: BinaryIO, header: Header) -> Iterator[tuple[int, bytes] | Element]:
    """The good records of a delimited file, so many as lines of JSON, and the bad ones.

    Args:
        text: the file's text, as UTF-8.
        header: what its beginning says of it.

    Raises:
        Refused: if the header cannot be read, or names a column twice.
    """
    names = header.names[:-1] if header.has_extra else header.names
    if twice := [name for name in names if names.count(name) > 1]:
        raise Refused(f"several columns are called {quote(twice[0])}; give each a name of its own")
    members = (f"{quote(name)}:".replace("%", "%%") + "%s" for name in names)
    as_line = f"{{{','.join(members)}}}\n".__mod__
    pieces = _read(text, header, len(names))
    first, sample, size, are_numbers = list[_Rows | Element](), list[list[str]](), 0, list[bool]()
    while len(sample) < FIRST_ROWS and size < FIRST_BYTES and (piece := next(pieces, None)):
        first.append(piece)
        if not isinstance(piece, Element):
            sample, size = sample + piece[0], size + piece[1]
    for piece in chain(first, pieces):
        if isinstance(piece, Element):
            yield piece
        elif rows := piece[0]:
            are_numbers = are_numbers or [
                any(values) and all(map(_is_number, filter(None, values)))
                for values in zip(*(sample or rows)[:FIRST_ROWS], strict=True)
            ]
            columns = map(_spell, zip(*rows, strict=True), are_numbers)
            yield len(rows), "".join(map(as_line, zip(*columns, strict=True))).encode()


def _spell(values: Sequence[str], are_numbers: bool) -> Sequence[str]:
    """The values of a column in JSON."""
    if are_numbers and _all_numbers(_MARK.join([*values, ""])):
        return [value or "null" for value in values]
    if are_numbers:
        return [v if _is_number(v) else quote(v) if v else "null" for v in values]
    return [quote(value) if value else "null" for value in values]


def _read(text: BinaryIO, header: Header, columns: int) -> Iterator[_Rows | Element]:
    """Rows behind the header, with the bytes that they stand in, and bad records."""
    number, line = 0, 1
    for piece in Splitter(header.delimiter, header.line_end).split(text, SMALL_BLOCK):
        rows = _parse(piece.records, header.delimiter)
        if number and {*map(len, rows)} == {columns} and not piece.code and is_utf8(piece.raw):
            number += len(rows)
            line += piece.lines or len(rows)
            yield rows, len(piece.raw)
            continue
        good = []
        for raw, row in zip(piece.records, rows, strict=True):
            if row and line >= header.first_line:
                fits = len(row) == columns or (header.has_extra and row[columns:] == [""])
                code, message = piece.code, piece.message
                if not code and (message := why_bad_bytes("record", raw)):
                    code = "bad_bytes"
                elif not code and not fits:
                    code, message = "wrong_field_count", f"{len(row)} fields instead of {columns}"
                if code and not number:
                    raise Refused(f"line {line}: the header cannot be read: {message}")
                if code:
                    yield Element(number, line, raw, code, message)
                elif number:
                    good.append(row[:columns])
                number += 1
            line += piece.lines or 1
        yield good, len(piece.raw)


def _parse(lines: list[bytes], delimiter: str) -> list[list[str]]:
    """The fields of records; none of a blank line."""
    texts = [line.decode("utf-8", "surrogateescape").replace("\r", _MARK) for line in lines]
    rows = list(csv.reader(texts, delimiter=delimiter))
    if not any(_MARK in text for text in texts):
        return rows
    return [[field.replace(_MARK, "\r") for field in row] for row in rows]
