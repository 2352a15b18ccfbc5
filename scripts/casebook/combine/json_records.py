"""The records of JSON files as lines of strict JSON, their text unchanged.

The order of keys, repeated keys, the spelling of numbers and escapes pass. A record over several
lines is put on one. What the loader takes though it is not strict JSON is made so: a comma before a
closing bracket goes, and `NaN`, `Infinity` and the like become strings of the same spelling.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from io import BufferedReader
from itertools import islice
from typing import BinaryIO

import msgspec

from casebook.readers.columns import why_bad_bytes
from casebook.readers.json_split import Element, elements
from casebook.readers.split import SMALL_BLOCK, Splitter

_BATCH = 500
_LENIENT = re.compile(
    rb'("(?:[^"\\]|\\.)*+")|,(?=\s*[\]}])|(-?\b(?:nan|inf(?:inity)?)\b)', re.IGNORECASE
)
# Cuts an array into the texts of its values, each without white space around it.
_values = msgspec.json.Decoder(list[msgspec.Raw]).decode
# As deep as records may be nested.
sys.setrecursionlimit(20_000)


def read_json_lines(text: BinaryIO) -> Iterator[tuple[int, bytes] | Element]:
    """The records of a file that has one on each line; a CR ends a line where no LF does."""
    number = line = 1
    assert isinstance(text, BufferedReader)
    start = text.peek(1)
    line_end = "\r" if b"\r" in start and b"\n" not in start else "\n"
    for piece in Splitter(None, line_end).split(text, SMALL_BLOCK):
        lines = piece.raw.split(b"\n")[:-1]
        texts = list(filter(None, map(bytes.strip, lines)))
        places = ((line + place, raw) for place, raw in enumerate(lines) if raw.strip())
        yield from _read(texts, (Element(n, *one) for n, one in enumerate(places, number)))
        number += len(texts)
        line += len(lines)


def read_elements(text: BinaryIO) -> Iterator[tuple[int, bytes] | Element]:
    """The elements of a file's array, or its objects one after the other."""
    found = elements(text)
    while batch := list(islice(found, _BATCH)):
        yield from _read([b"" if one.code else one.raw for one in batch], batch)


def _read(texts: list[bytes], each: Iterable[Element]) -> Iterator[tuple[int, bytes] | Element]:
    """Records in one go where all texts are strict JSON; else each by itself."""
    if _are_strict(texts):
        yield len(texts), _on_lines(texts)
    else:
        yield from map(_read_one, each)


def _read_one(record: Element) -> tuple[int, bytes] | Element:
    _, _, raw, code, message = record
    text = raw.strip()
    if not code and (message := why_bad_bytes("record", raw)):
        code = "bad_bytes"
    try:
        if not code and not _are_strict([text]):
            text = msgspec.json.format(_LENIENT.sub(_made_strict, text), indent=-1)
    except (msgspec.DecodeError, RecursionError) as error:
        is_deep = isinstance(error, RecursionError)
        code, message = "not_json", "it is nested too deep" if is_deep else str(error)
    if not code and not text.startswith(b"{"):
        code, message = "not_an_object", "it is JSON, but not an object"
    return record._replace(code=code, message=message) if code else (1, _on_lines([text]))


def _are_strict(texts: list[bytes]) -> bool:
    """Whether all texts are objects of strict JSON, found in one go."""
    array = b"[%b]" % b",".join(texts)
    try:
        values = _values(array)
    except (msgspec.DecodeError, RecursionError):
        return False
    if why_bad_bytes("record", array):
        return False
    # Each text is one value if none begins or ends elsewhere. No JSON begins with more than `{`.
    return [*map(len, values)] == [*map(len, texts)] and min(texts, default=b"{") >= b"{"


def _made_strict(found: re.Match[bytes]) -> bytes:
    return found[1] or (b'"%b"' % found[2] if found[2] else b"")


def _on_lines(texts: list[bytes]) -> bytes:
    """Texts of strict JSON as lines."""
    lines = b"\n".join([*texts, b""])
    if lines.count(b"\n") == len(texts) and b"\r" not in lines:
        return lines
    has_ends = re.compile(rb"[\r\n]").search
    one_line = (msgspec.json.format(t, indent=-1) if has_ends(t) else t for t in texts)
    return b"\n".join([*one_line, b""])
