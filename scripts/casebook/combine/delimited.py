"""The records of delimited text as lines of JSON.

A column is of numbers if all values in the file's first rows (1,000, or 1 MiB of text) are empty or
numbers of JSON as they stand, which `007`, `+5`, `.5` and `1,5` are not. An empty value is null. A
later value of such a column that is no number is written as a string.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from typing import BinaryIO

import msgspec

from casebook.errors import Refused
from casebook.readers.base import MAX_RECORD_BYTES
from casebook.readers.columns import why_bad_bytes
from casebook.readers.header import Header
from casebook.readers.json_split import Element
from casebook.readers.split import SMALL_BLOCK, Splitter

FIRST_ROWS, FIRST_BYTES = 1000, 1 << 20
_NUMBER = r"[ \t]*-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?[ \t]*"
_is_number = re.compile(_NUMBER).fullmatch
_numbers = msgspec.json.Decoder(list[float]).decode
_as_lines = msgspec.json.Encoder().encode_lines
# Stands for a carriage return, which `csv` does not take outside quotes; no text has it.
_RETURN = "\ud80d"
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
        shown = json.dumps(twice[0], ensure_ascii=False)
        raise Refused(f"several columns are called {shown}; give each a name of its own")
    held, size, are_numbers = list[list[str]](), 0, list[bool]()
    for piece in _read(text, header, len(names)):
        if isinstance(piece, Element):
            yield piece
            continue
        rows, piece_size = piece
        held += rows
        size += piece_size
        if not are_numbers and len(held) < FIRST_ROWS and size < FIRST_BYTES and piece_size:
            continue
        are_numbers = are_numbers or [
            any(values) and all(map(_is_number, filter(None, values)))
            for values in zip(*held[:FIRST_ROWS], strict=False)
        ]
        columns = map(_typed, are_numbers, zip(*held, strict=False))
        records = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
        yield len(held), _as_lines(records)
        held, size = [], 0


def _typed(are_numbers: bool, values: tuple[str, ...]) -> list[object]:
    """The values of a column: numbers as they are spelled, texts, and None where it is empty."""
    if not are_numbers:
        return [value or None for value in values]
    is_number = bool if _all_numbers(values) else _is_number
    return [msgspec.Raw(v) if is_number(v) else v or None for v in values]


def _all_numbers(values: tuple[str, ...]) -> bool:
    """Whether all values are numbers or empty; quicker than to look at each."""
    array = ",".join(["0", *filter(None, values)])
    try:
        found = _numbers(f"[{array}]")
    except msgspec.DecodeError:
        return False
    has_ends = "\n" in array or "\r" in array
    return len(found) == len(values) - values.count("") + 1 and not has_ends


def _read(
    text: BinaryIO, header: Header, columns: int
) -> Iterator[tuple[list[list[str]], int] | Element]:
    """Rows behind the header, with the bytes that they stand in, which are 0 at the end."""
    number, line = 0, 1
    for piece in Splitter(header.delimiter, header.line_end).split(text, SMALL_BLOCK):
        rows = _parse(piece.records, header.delimiter)
        is_good = {*map(len, rows)} == {columns} and not (
            piece.code or why_bad_bytes("record", piece.raw)
        )
        if is_good and number:
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
    yield [], 0


def _parse(lines: list[bytes], delimiter: str) -> list[list[str]]:
    """The fields of records; none of a blank line."""
    texts = [line.decode("utf-8", "surrogateescape") for line in lines]
    if not any("\r" in text for text in texts):
        return list(csv.reader(texts, delimiter=delimiter))
    texts = [text.replace("\r", _RETURN) for text in texts]
    rows = csv.reader(texts, delimiter=delimiter)
    return [[field.replace(_RETURN, "\r") for field in row] for row in rows]
