"""The records of JSON files as lines of strict JSON, their text unchanged.

The order of keys, repeated keys, the spelling of numbers and escapes pass. A record over several
lines is put on one. What the loader takes though it is not strict JSON is made so: a comma before a
closing bracket goes, and `NaN`, `Infinity` and the like become strings of the same spelling.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from io import BufferedReader
from itertools import islice
from typing import BinaryIO

import msgspec

from casebook.readers.columns import why_bad_bytes
from casebook.readers.count import is_utf8
from casebook.readers.json_split import Element, elements
from casebook.readers.split import SMALL_BLOCK, Splitter

_BATCH = 500
_LENIENT = re.compile(
    rb'("(?:[^"\\]|\\.)*+")|,(?=\s*[\]}])|(-?\b(?:nan|inf(?:inity)?)\b)', re.IGNORECASE
)
_check = msgspec.json.Decoder(msgspec.Raw).decode
# As deep as records may be nested.
sys.setrecursionlimit(20_000)


def read_json_lines(text: BinaryIO) -> Iterator[tuple[int, bytes] | Element]:
    """The records of a file that has one on each line; a CR ends a line where no LF does."""
    number = line = 1
    assert isinstance(text, BufferedReader)
    start = text.peek(1)
    line_end = "\r" if b"\r" in start and b"\n" not in start else "\n"
    for piece in Splitter(None, line_end).split(text, SMALL_BLOCK):
        lines = enumerate(piece.raw.split(b"\n")[:-1], line)
        found = [(first_line, raw) for first_line, raw in lines if raw.strip()]
        yield from _read([Element(n, *one) for n, one in enumerate(found, number)])
        number += len(found)
        line += piece.raw.count(b"\n")


def read_elements(text: BinaryIO) -> Iterator[tuple[int, bytes] | Element]:
    """The elements of a file's array, or its objects one after the other."""
    found = elements(text)
    while batch := list(islice(found, _BATCH)):
        yield from _read(batch)


def _read(batch: Sequence[Element]) -> Iterator[tuple[int, bytes] | Element]:
    """Records in one go where all can be lines as they stand; else each by itself."""
    lines = _as_lines([b"" if record.code else record.raw.strip() for record in batch])
    yield from map(_read_one, batch) if lines is None else [(len(batch), lines)]


def _read_one(record: Element) -> tuple[int, bytes] | Element:
    if record.code:
        return record
    if message := why_bad_bytes("record", record.raw):
        return record._replace(code="bad_bytes", message=message)
    text = record.raw.strip()
    try:
        line = _as_lines([text])
        if line is None:
            line = msgspec.json.format(_LENIENT.sub(_made_strict, text), indent=-1) + b"\n"
    except (msgspec.DecodeError, RecursionError) as error:
        is_deep = isinstance(error, RecursionError)
        message = "it is nested too deep" if is_deep else str(error)
        return record._replace(code="not_json", message=message)
    if not line.startswith(b"{"):
        return record._replace(code="not_an_object", message="it is JSON, but not an object")
    return 1, line


def _as_lines(texts: Sequence[bytes]) -> bytes | None:
    """Texts as lines; None unless each is an object of strict JSON, on one line."""
    try:
        list(map(_check, texts))
    except (msgspec.DecodeError, RecursionError):
        return None
    lines = b"\n".join([*texts, b""])
    is_each_a_line = lines.count(b"\n") == len(texts) and b"\r" not in lines
    # No JSON begins with more than `{`.
    are_objects = min(texts, default=b"{") >= b"{"
    return lines if is_each_a_line and are_objects and is_utf8(lines) else None


def _made_strict(found: re.Match[bytes]) -> bytes:
    return found[1] or (b'"%b"' % found[2] if found[2] else b"")
