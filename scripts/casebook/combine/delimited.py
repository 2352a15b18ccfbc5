"""The records of delimited text as lines of JSON.

A column is of numbers if all values in the file's first rows (`FIRST_ROWS`, or `FIRST_BYTES` of
values) are empty or numbers of JSON as they stand, which `007`, `+5`, `.5` and `1,5` are not. An
empty value is null. A later value of such a column that is no number is written as a string.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from io import StringIO
from itertools import accumulate, chain
from typing import BinaryIO

from casebook.combine.text import Bad, Good, find_bad_byte, line_blocks
from casebook.errors import Refused
from casebook.readers.base import MAX_RECORD_BYTES
from casebook.readers.delimited_header import Header

FIRST_ROWS = 1000
FIRST_BYTES = 1 << 20
_BATCH = 500
# A quote that does not close within so many blocks of text, 1 MiB, is taken for a stray one.
_MAX_QUOTE_BLOCKS = 16
_NUMBER = re.compile(r"[ \t]*-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?[ \t]*")
_ESCAPED = re.compile(r'[\x00-\x1f"\\]')
# No text that was decoded has it, not even one of bytes that are not UTF-8.
_BETWEEN = "\ud800"
csv.field_size_limit(MAX_RECORD_BYTES)


def read_delimited(text: BinaryIO, header: Header) -> Iterator[Good | Bad]:
    """The records of a delimited file.

    Args:
        text: the file's text from its header on, as UTF-8.
        header: its delimiter, its columns' names and the line that it begins in.

    Raises:
        Refused: if the header cannot be read, or names a column twice.
    """
    names = header.names[: -1 if header.names[1:] and not header.names[-1] else None]
    name, count = Counter(names).most_common(1)[0]
    if count > 1:
        name = json.dumps(name, ensure_ascii=False)
        why = f"{count} columns that are called {name}; give each a name of its own"
        raise Refused(f"line {header.first_line}: the header has {why}")
    pieces = _Records(text, header, len(names)).read()
    first, size = list[list[str]](), 0
    for piece in pieces:
        if isinstance(piece, Bad):
            if not piece.number:
                raise Refused(
                    f"line {piece.first_line}: the header cannot be read: {piece.message}"
                )
            yield piece
            continue
        first += piece
        size += sum(map(_size, piece))
        if len(first) > FIRST_ROWS or size - sum(map(_size, first[:1])) > FIRST_BYTES:
            break
    lines = _Lines(names, first[1:])
    for piece in chain([first[1:]], pieces):
        yield piece if isinstance(piece, Bad) else Good(len(piece), lines.write(piece))


def _size(row: list[str]) -> int:
    return len("".join(row).encode())


class _Records:
    """The records of a delimited text, its header first: good ones in lists, and bad ones."""

    def __init__(self, text: BinaryIO, header: Header, columns: int) -> None:
        self._blocks, self._header, self._columns = line_blocks(text), header, columns
        delimiter = re.escape(header.delimiter)
        field = rf'(?:"(?:[^"]|"")*+"|(?!")[^{delimiter}\r\n]*+){delimiter}'
        self._whole_fields = re.compile(f"(?:{field})*+")
        # Lines that are held, those of the record being read, and the blocks that it is in.
        self._lines, self._taken, self._blocks_taken = deque[str](), list[str](), 0
        self._has_bad_bytes = False

    def read(self) -> Iterator[list[list[str]] | Bad]:
        """Take one record after another."""
        rows, number, line = list[list[str]](), 0, 1
        reader = self._reader()
        while True:
            self._taken, self._blocks_taken, reason = [], 0, None
            try:
                row = next(reader, None)
                if row is None:
                    break
            except csv.Error as error:
                row, reason = [""], self._put_back("end of data" in str(error))
                reader = self._reader()
            if row and (bad := self._check(row, reason)):
                yield rows
                yield Bad(number, line, *bad)
                rows = []
            elif row:
                rows.append(row)
                if len(rows) >= _BATCH:
                    yield rows
                    rows = []
            number += bool(row)
            line += len(self._taken)
        yield rows

    def _reader(self) -> Iterator[list[str]]:
        return csv.reader(self._take(), delimiter=self._header.delimiter, strict=True)

    def _take(self) -> Iterator[str]:
        while True:
            while self._lines:
                line = self._lines.popleft()
                self._taken.append(line)
                yield line
            block = next(self._blocks, None) if self._blocks_taken < _MAX_QUOTE_BLOCKS else None
            if block is None:
                return
            text = block.decode("utf-8", "surrogateescape")
            self._has_bad_bytes |= find_bad_byte(block) != ""
            self._lines.extend(StringIO(text, newline=""))
            self._blocks_taken += 1

    def _put_back(self, is_open: bool) -> tuple[str, str]:
        """End a record with the line in which its faulty quote opens; what is wrong with that."""
        text = "".join(self._taken)
        match = self._whole_fields.match(text)
        opens, end = match.end() if match else 0, len(text) - len(self._taken[-1])
        while end > opens:
            self._lines.appendleft(self._taken.pop())
            end -= len(self._taken[-1])
        if is_open:
            return "unclosed_quote", "a quote is not closed within 1 MiB"
        return "text_after_quote", "text follows a closing quote"

    def _check(self, row: list[str], reason: tuple[str, str] | None) -> tuple[bytes, str, str] | None:
        columns = self._columns
        # A field that is empty and has no name may end a record.
        fits = len(row) == columns or row[columns:] == [""]
        if fits and not reason and not self._has_bad_bytes:
            return None
        raw = "".join(self._taken).encode("utf-8", "surrogateescape").rstrip(b"\r\n")
        if not reason and (message := find_bad_byte(raw)):
            reason = "bad_bytes", message
        if not reason and not fits:
            reason = "wrong_field_count", f"{len(row)} fields instead of {columns}"
        return (raw, *reason) if reason else None


class _Lines:
    """Writes records of a file of which `names` are the columns and `first` the first records."""

    def __init__(self, names: Sequence[str], first: list[list[str]]) -> None:
        keys = (json.dumps(name, ensure_ascii=False).replace("%", "%%") for name in names)
        self._line = "{" + ",".join(key + ":%s" for key in keys) + "}\n"
        starts = accumulate(map(_size, first), initial=0)
        rows = [
            row for row, at in zip(first[:FIRST_ROWS], starts, strict=False) if at < FIRST_BYTES
        ]
        self._are_numbers = [
            any(values) and all(map(_NUMBER.fullmatch, filter(None, values)))
            for values in zip(*rows, strict=False)
        ]

    def write(self, rows: list[list[str]]) -> bytes:
        """Records as lines of JSON."""
        columns = zip(self._are_numbers, zip(*rows, strict=False), strict=False)
        values = [_numbers(column) if numbers else _texts(column) for numbers, column in columns]
        return "".join(map(self._line.__mod__, zip(*values, strict=True))).encode()


def _numbers(values: Sequence[str]) -> list[str]:
    is_number = _NUMBER.fullmatch
    return [value if is_number(value) else _texts([value])[0] for value in values]


def _texts(values: Sequence[str]) -> list[str]:
    texts = _BETWEEN.join(values)
    if _ESCAPED.search(texts):
        texts = json.encoder.encode_basestring(texts)[1:-1]
    return [f'"{text}"' if text else "null" for text in texts.split(_BETWEEN)]
