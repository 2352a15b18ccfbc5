"""The records of delimited text as lines of JSON.

Which of a file's columns hold numbers is told once, from its first rows: those among its first
`FIRST_ROWS` good records that begin within the first `FIRST_BYTES` bytes of their values. A column
whose values there are all numbers (`casebook.combine.json_numbers`) or empty, and not all empty, is
written as numbers, every other as strings. An empty value is null, in quotes or not. A value of a
column of numbers that comes later and is none is written as a string.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, islice
from pathlib import Path

from casebook.combine.json_numbers import are_numbers, is_number
from casebook.combine.legacy_header import Header, guess_header, split
from casebook.combine.legacy_split import Block, Record, Splitter
from casebook.errors import Refused

FIRST_ROWS = 1000
FIRST_BYTES = 1 << 20
_BATCH_BYTES = 1 << 16
_SHORT_ESCAPES = {b"\b": rb"\b", b"\t": rb"\t", b"\n": rb"\n", b"\f": rb"\f", b"\r": rb"\r"}
_CONTROL = re.compile(rb"[\x00-\x1f]")
_NOT_CONTROL = bytes(range(0x20, 0x100))
# In no text that is UTF-8.
_BETWEEN = b"\xff"


def read_delimited(
    path: Path,
    compression: str | None,
    reject: Callable[[Record], None],
    advance: Callable[[int], None],
) -> Iterator[tuple[int, bytes]]:
    """Read a file of delimited text.

    Args:
        path: the file.
        compression: `gzip`, `zstd` or None.
        reject: takes each record that cannot be read.
        advance: takes the number of bytes of text that were read.

    Yields:
        How many records, and these as lines of JSON.

    Raises:
        Refused: if the file's header cannot be read, or names a column twice.
    """
    header = guess_header(path, compression)
    if header is None:
        return
    _check(path, compression, header)
    columns = len(header.names)
    first: list[bytes] = []
    lines: _Lines | None = None
    with split(path, compression, header.delimiter, columns) as records:
        for fields in _batches(records, columns, reject, advance):
            if lines is None:
                first += fields
                if len(first) < FIRST_ROWS * columns and sum(map(len, first)) < FIRST_BYTES:
                    continue
                lines, fields = _Lines(header.names, first), first
            yield len(fields) // columns, lines.write(fields)
    if lines is None and first:
        yield len(first) // columns, _Lines(header.names, first).write(first)


def _check(path: Path, compression: str | None, header: Header) -> None:
    with split(path, compression, header.delimiter) as records:
        record = next(iter(records))
    if record.reason_code is not None:
        raise Refused(f"line {record.first_line}: the header cannot be read: {record.message}")
    for name, count in Counter(header.names).items():
        if count > 1:
            raise Refused(
                f"line {record.first_line}: the header has {count} columns that are called"
                f" {json.dumps(name, ensure_ascii=False)}; give each a name of its own"
            )


def _batches(
    records: Splitter,
    columns: int,
    reject: Callable[[Record], None],
    advance: Callable[[int], None],
) -> Iterator[list[bytes]]:
    """The fields of the good records behind the header, those of many at a time."""
    batch: list[bytes] = []
    size, header = 0, columns
    for piece in records.blocks():
        if isinstance(piece, Block):
            if batch:
                yield batch
                batch, size = [], 0
            yield piece.fields[header:]
            advance(piece.size)
        elif piece.fields is None or piece.payload is None:
            reject(piece)
        else:
            batch += piece.fields[header:]
            size += len(piece.raw)
            if size >= _BATCH_BYTES:
                yield batch
                advance(size)
                batch, size = [], 0
        header = 0
    if batch:
        yield batch


class _Lines:
    """Writes records of one file as lines of JSON.

    Args:
        names: the columns' names.
        first: the fields of the first records.
    """

    def __init__(self, names: Sequence[str], first: list[bytes]) -> None:
        self._columns = columns = len(names)
        rows = first[: _count_first(first, columns) * columns]
        present = [[value for value in rows[n::columns] if value] for n in range(columns)]
        self._numbers = [n for n in range(columns) if present[n] and are_numbers(present[n])]
        self._texts = [n for n in range(columns) if n not in self._numbers]
        self._keys = [
            json.dumps(name, ensure_ascii=False).encode("utf-8").replace(b"%", b"%%")
            for name in names
        ]

    def write(self, fields: list[bytes]) -> bytes:
        """Records as lines of JSON.

        Args:
            fields: the fields of the first one, then those of the second, and so on.
        """
        columns = self._columns
        values = [b":%b"] * columns
        for place in self._numbers:
            fields[place::columns] = _numbers(fields[place::columns])
        for place in self._texts:
            texts = _escape_all(fields[place::columns])
            if all(texts):
                values[place] = b':"%b"'
            else:
                texts = [b'"%b"' % text if text else b"null" for text in texts]
            fields[place::columns] = texts
        members = b",".join(map(bytes.__add__, self._keys, values))
        return (b"{%b}\n" % members) * (len(fields) // columns) % tuple(fields)


def _count_first(fields: list[bytes], columns: int) -> int:
    """How many records are the file's first rows."""
    sizes = accumulate(map(len, fields))
    ends = islice(sizes, columns - 1, (FIRST_ROWS - 1) * columns, columns)
    return 1 + sum(end < FIRST_BYTES for end in ends)


def _numbers(values: list[bytes]) -> list[bytes]:
    """Values of a column of numbers as JSON."""
    if all(values):
        if are_numbers(values):
            return values
    elif are_numbers([value for value in values if value]):
        return [value or b"null" for value in values]
    return [
        value if is_number(value) else b'"%b"' % _escape(value) if value else b"null"
        for value in values
    ]


def _escape_all(texts: list[bytes]) -> list[bytes]:
    """Texts as they stand within JSON strings."""
    joined = _BETWEEN.join(texts)
    if b"\\" in joined or b'"' in joined or joined.translate(None, _NOT_CONTROL):
        return _escape(joined).split(_BETWEEN)
    return texts


def _escape(text: bytes) -> bytes:
    """Text as it stands within a JSON string."""
    text = text.replace(b"\\", rb"\\").replace(b'"', rb"\"")
    return _CONTROL.sub(_escape_control, text)


def _escape_control(found: re.Match[bytes]) -> bytes:
    return _SHORT_ESCAPES.get(found[0]) or b"\\u%04x" % ord(found[0])
