"""The records of delimited text and of JSON as lines of strict JSON.

A column is of numbers if all values in the file's first rows (1,000, or 1 MiB of text) are empty or
numbers of JSON as they stand, which `007`, `+5`, `.5` and `1,5` are not. An empty value is null. A
later value of such a column that is no number is written as a string.

JSON stays as it is spelled. A record over several lines is put on one. What the loader takes though
it is not strict JSON is made so: a comma before a closing bracket goes, and `NaN`, `Infinity` and
the like become strings of the same spelling.
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from io import BufferedReader
from itertools import chain, islice
from json.encoder import encode_basestring as quote
from typing import BinaryIO, TypeVar

import msgspec

from casebook.errors import Refused
from casebook.readers.base import MAX_RECORD_BYTES
from casebook.readers.columns import why_bad_bytes
from casebook.readers.header import Header
from casebook.readers.json_split import Element, elements
from casebook.readers.split import SMALL_BLOCK, Splitter

FIRST_ROWS, FIRST_BYTES = 1000, 1 << 20
_BATCH = 500
_NUMBER = r"[ \t]*+-?+(?:0|[1-9][0-9]*+)(?:\.[0-9]++|)(?:[eE][+-]?+[0-9]++|)[ \t]*+"
_is_number = re.compile(_NUMBER).fullmatch
# Stands between values, and for a carriage return, which `csv` does not take; no text has it.
_MARK = "\ud80d"
_check_numbers = msgspec.json.Decoder(list[float]).decode
_escaped = re.compile(r'[\x00-\x1f"\\]').search
_LENIENT = re.compile(
    rb'("(?:[^"\\]|\\.|)*+")|,(?=\s*[\]}])|(-?\b(?:nan|inf(?:inity)?)\b)', re.IGNORECASE
)
_check_json = msgspec.json.Decoder(msgspec.Raw).decode
csv.field_size_limit(MAX_RECORD_BYTES)
# As deep as records may be nested.
sys.setrecursionlimit(20_000)
Lines = tuple[int, bytes]
Batch = list[Element] | Lines
Pieces = Iterator[Lines | Element]
_Row = TypeVar("_Row")


class _Bad(Exception):
    """One of some records cannot be read; its code and a message."""


def read_delimited(text: BinaryIO, header: Header) -> Pieces:
    """The good records of delimited text, which is UTF-8, as lines of JSON, and the bad ones.

    Raises:
        Refused: if the header cannot be read, or names a column twice.
    """
    names = header.names[:-1] if header.has_extra else header.names
    if twice := [name for name in names if names.count(name) > 1]:
        raise Refused(f"several columns are called {quote(twice[0])}; give each a name of its own")
    befores = [f"{',' if place else '{'}{quote(name)}:" for place, name in enumerate(names)]
    are_numbers: list[bool] = []

    def parse(raws: Sequence[bytes]) -> list[list[str]]:
        texts = [raw.decode().replace("\r", _MARK) for raw in raws]
        rows = list(csv.reader(texts, delimiter=header.delimiter))
        if any(_MARK in text for text in texts):
            rows = [[field.replace(_MARK, "\r") for field in row] for row in rows]
        if header.has_extra:
            rows = [row[:-1] if row[len(names) :] == [""] else row for row in rows]
        if wrong := {*map(len, rows)} - {len(names)}:
            raise _Bad("wrong_field_count", f"{wrong.pop()} fields instead of {len(names)}")
        return rows

    def spell(rows: Sequence[Sequence[str]]) -> bytes:
        return _spell_rows(rows, befores, are_numbers)

    def at_once(lines: bytes) -> Lines | None:
        """Lines of a record each; None unless all are good and plain, or while columns are open."""
        if not are_numbers or header.has_extra or b"\r" in lines or why_bad_bytes("", lines):
            return None
        records = lines.decode().split("\n")[:-1]
        rows = list(csv.reader(records, delimiter=header.delimiter))
        are_good = len(rows) == len(records) and {*map(len, rows)} == {len(names)}
        return (len(rows), spell(rows)) if are_good else None

    batches = _split(text, header.delimiter, header.line_end, header.first_line, at_once)
    first = next(batches)[0]
    assert isinstance(first, Element)
    try:
        parse(_checked([first]))
    except _Bad as bad:
        reason = f"line {first.first_line}: the header cannot be read: {bad.args[1]}"
        raise Refused(reason) from bad
    held = list[Batch]()

    def first_rows() -> Iterator[list[str]]:
        size = 0
        while size < FIRST_BYTES and (batch := next(batches, None)):
            held.append(batch)
            for record in batch:
                assert isinstance(record, Element)
                size += len(record.raw)
                with suppress(_Bad):
                    yield from parse(_checked([record]))

    are_numbers += [
        any(values) and all(map(_is_number, filter(None, values)))
        for values in zip(*islice(first_rows(), FIRST_ROWS), strict=True)
    ] or [False] * len(names)
    yield from _convert(chain(held, batches), parse, spell)


def read_json(text: BinaryIO, is_lines: bool) -> Pieces:
    """The same of JSON: records on a line each, or else as elements of an array or one by one."""
    assert isinstance(text, BufferedReader)
    start, found = text.peek(1), elements(text)
    end = "\r" if b"\r" in start and b"\n" not in start else "\n"
    arrays = iter(lambda: list(islice(found, _BATCH)), [])
    batches = _split(text, None, end) if is_lines else arrays
    return _convert(batches, _parse_json, lambda texts: b"\n".join([*texts, b""]))


def _split(
    text: BinaryIO,
    delimiter: str | None,
    end: str,
    start: int = 1,
    at_once: Callable[[bytes], Lines | None] = lambda lines: None,
) -> Iterator[Batch]:
    """The records from a line on that are not blank; that of a header by itself, as number 0."""
    number, line = 0 if delimiter else 1, 1
    for piece in Splitter(delimiter, end).split(text, SMALL_BLOCK):
        if number and line >= start and not piece.lines and (done := at_once(piece.raw)):
            yield done
            number, line = number + done[0], line + done[0]
            continue
        batch = []
        for raw in piece.records:
            if line >= start and (raw if delimiter else raw.strip()):
                batch.append(Element(number, line, raw, piece.code, piece.message))
                number += 1
            line += piece.lines or 1
        if batch and not batch[0].number:
            yield [batch.pop(0)]
        if batch:
            yield batch


def _convert(
    batches: Iterable[Batch],
    parse: Callable[[Sequence[bytes]], list[_Row]],
    spell: Callable[[Sequence[_Row]], bytes],
) -> Pieces:
    """What a batch's records are as lines; each is looked at where not all of them are good."""
    for batch in batches:
        if isinstance(batch, tuple):
            yield batch
            continue
        try:
            rows = parse(_checked(batch))
        except _Bad:
            rows = []
            for record in batch:
                try:
                    rows += parse(_checked([record]))
                except _Bad as bad:
                    yield record._replace(code=bad.args[0], message=bad.args[1])
        yield len(rows), spell(rows)


def _checked(batch: Sequence[Element]) -> list[bytes]:
    """The bytes of records that could be told apart and are UTF-8."""
    raws = [record.raw for record in batch]
    for record in batch:
        if record.code:
            raise _Bad(record.code, record.message)
    if message := why_bad_bytes("record", b"\n".join(raws)):
        raise _Bad("bad_bytes", message)
    return raws


def _spell_rows(
    rows: Sequence[Sequence[str]], befores: Sequence[str], are_numbers: Sequence[bool]
) -> bytes:
    """Rows as lines of JSON, a column at a time; with what stands before each value."""
    width, quoted = 2 * len(befores) + 1, ""
    parts = [""] * (width * len(rows))
    for place, column in enumerate(zip(*rows, strict=True)):
        begun = quoted + befores[place]
        quoted, values = _spell(column, are_numbers[place])
        parts[2 * place :: width] = [begun + quoted] * len(rows)
        parts[2 * place + 1 :: width] = values
    parts[width - 1 :: width] = [f"{quoted}}}\n"] * len(rows)
    return "".join(parts).encode()


def _spell(values: Sequence[str], are_numbers: bool) -> tuple[str, Sequence[str]]:
    """The values of a column in JSON, and what quotes stand around each of them."""
    if not are_numbers:
        if all(values) and not _escaped("".join(values)):
            return '"', values
        return "", [quote(value) if value else "null" for value in values]
    listed = list(filter(None, values))
    joined = ",".join(listed)
    is_line = "\n" not in joined and "\r" not in joined
    with suppress(msgspec.DecodeError):
        # As many as there are values, or one of them has a comma.
        if is_line and len(_check_numbers(f"[{joined}]")) == len(listed):
            return "", [value or "null" for value in values]
    return "", [v if _is_number(v) else quote(v) if v else "null" for v in values]


def _parse_json(raws: Sequence[bytes]) -> list[bytes]:
    """The texts of records, each on one line."""
    texts = [*map(bytes.strip, raws)]
    try:
        if any(end in b"".join(texts) for end in (b"\n", b"\r")):
            raise ValueError("a record stands on several lines")
        list(map(_check_json, texts))
    except (ValueError, RecursionError) as error:
        if len(texts) > 1:
            raise _Bad("not_json", str(error)) from error
        texts = [_made_strict(texts[0])]
    # No JSON begins with more than `{`.
    if min(texts, default=b"{") < b"{":
        raise _Bad("not_an_object", "it is JSON, but not an object")
    return texts


def _made_strict(text: bytes) -> bytes:
    """A record that is not strict JSON, or stands on several lines, as a line."""

    def strict(found: re.Match[bytes]) -> bytes:
        return found[1] or (b'"%b"' % found[2] if found[2] else b"")

    try:
        return msgspec.json.format(_LENIENT.sub(strict, text), indent=-1)
    except msgspec.DecodeError as error:
        raise _Bad("not_json", str(error)) from error
    except RecursionError as error:
        raise _Bad("not_json", "it is nested too deep") from error
