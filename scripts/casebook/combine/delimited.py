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

from casebook.combine.records import Bad, Good, find_bad_byte, split
from casebook.errors import Refused
from casebook.readers.base import MAX_RECORD_BYTES
from casebook.readers.header import Header

FIRST_ROWS, FIRST_BYTES = 1000, 1 << 20
_NUMBER = r"[ \t]*-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?[ \t]*"
_is_number = re.compile(_NUMBER).fullmatch
_numbers = msgspec.json.Decoder(list[float]).decode
_ESCAPED = re.compile(r'[\x00-\x1f"\\]')
# No text has them. One stands for a carriage return, which `csv` does not take outside quotes.
_BETWEEN, _RETURN = "\ud801", "\ud80d"
csv.field_size_limit(MAX_RECORD_BYTES)


def read_delimited(text: BinaryIO, header: Header) -> Iterator[Good | Bad]:
    """The records of a delimited file.

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
    keys = (json.dumps(name, ensure_ascii=False).replace("%", "%%") for name in names)
    line = "{" + ",".join(key + ":%s" for key in keys) + "}\n"
    held, size, are_numbers = list[list[str]](), 0, list[bool]()
    for piece, piece_size in _read(text, header, len(names)):
        if isinstance(piece, Bad):
            yield piece
            continue
        held += piece
        size += piece_size
        if not are_numbers and len(held) < FIRST_ROWS and size < FIRST_BYTES and piece_size:
            continue
        are_numbers = are_numbers or [
            any(values) and all(map(_is_number, filter(None, values)))
            for values in zip(*held[:FIRST_ROWS], strict=False)
        ]
        columns = map(_as_json, are_numbers, zip(*held, strict=False))
        yield Good(len(held), "".join(map(line.__mod__, zip(*columns, strict=True))).encode())
        held, size = [], 0


def _as_json(are_numbers: bool, values: tuple[str, ...]) -> list[str]:
    """The values of a column."""
    if are_numbers and _all_numbers(values):
        return [value or "null" for value in values]
    texts = _BETWEEN.join(values)
    if _ESCAPED.search(texts):
        texts = json.encoder.encode_basestring(texts)[1:-1]
    spelled = [f'"{text}"' if text else "null" for text in texts.split(_BETWEEN)]
    if are_numbers:
        pairs = zip(values, spelled, strict=True)
        return [value if _is_number(value) else text for value, text in pairs]
    return spelled


def _all_numbers(values: tuple[str, ...]) -> bool:
    """Whether all values are numbers or empty; quicker than to look at each."""
    array = ",".join(["0", *filter(None, values)])
    try:
        found = _numbers(f"[{array}]")
    except msgspec.DecodeError:
        return False
    return len(found) == len(values) - values.count("") + 1 and not _ESCAPED.search(array)


def _read(
    text: BinaryIO, header: Header, columns: int
) -> Iterator[tuple[list[list[str]] | Bad, int]]:
    """The records behind the header, with the bytes that they stand in; 0 at the end."""
    number, line = 0, 1
    for piece in split(text, header.delimiter, header.line_end):
        lines = [piece.raw] if piece.lines else piece.raw.split(b"\n")[:-1]
        rows, good = _parse(lines, header.delimiter), list[list[str]]()
        is_good = {*map(len, rows)} == {columns} and not (piece.code or find_bad_byte(piece.raw))
        if is_good and number:
            number += len(rows)
            line += piece.lines or len(lines)
            yield rows, len(piece.raw)
            continue
        for raw, row in zip(lines, rows, strict=True):
            if row and line >= header.first_line:
                code, message = piece.code, piece.message
                fits = len(row) == columns or (header.has_extra and row[columns:] == [""])
                if not code and (message := find_bad_byte(raw)):
                    code = "bad_bytes"
                elif not code and not fits:
                    code, message = "wrong_field_count", f"{len(row)} fields instead of {columns}"
                if code and not number:
                    raise Refused(f"line {line}: the header cannot be read: {message}")
                if code:
                    yield Bad(number, line, raw, code, message), 0
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
