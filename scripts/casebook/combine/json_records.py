"""The records of JSON files as lines of strict JSON, their text unchanged.

The order of keys, repeated keys, the spelling of numbers and escapes pass. A record over several
lines is put on one. What the loader takes though it is not strict JSON is made so: a comma before a
closing bracket goes, and `NaN`, `Infinity` and the like become strings of the same spelling.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from io import BufferedReader
from itertools import islice
from typing import BinaryIO

import msgspec

from casebook.combine.records import Bad, Good, find_bad_byte, split
from casebook.readers.json_split import elements

_BATCH = 500
_LENIENT = re.compile(
    rb'("(?:[^"\\]|\\.)*+")|,(?=\s*[\]}])|(-?\b(?:nan|inf(?:inity)?)\b)', re.IGNORECASE
)
# Cuts an array into the texts of its values, each without white space around it.
_values = msgspec.json.Decoder(list[msgspec.Raw]).decode
# As deep as records may be nested.
sys.setrecursionlimit(20_000)


def read_json_lines(text: BinaryIO) -> Iterator[Good | Bad]:
    """The records of a file that has one on each line; a CR ends a line where no LF does."""
    number = line = 1
    assert isinstance(text, BufferedReader)
    start = text.peek(1)
    has_returns = b"\r" in start and b"\n" not in start
    for piece in split(text, None, "\r" if has_returns else "\n"):
        lines = piece.raw.split(b"\n")[:-1]
        texts = list(filter(None, map(bytes.strip, lines)))
        if _are_strict(texts):
            yield Good(len(texts), _on_lines(texts))
        else:
            places = [(line + place, raw) for place, raw in enumerate(lines) if raw.strip()]
            yield from (_read(number + place, *one) for place, one in enumerate(places))
        number += len(texts)
        line += len(lines)


def read_elements(text: BinaryIO) -> Iterator[Good | Bad]:
    """The elements of a file's array, or its objects one after the other."""
    found = elements(text)
    while batch := list(islice(found, _BATCH)):
        texts = [element.raw for element in batch]
        if batch[-1].code is None and _are_strict(texts):
            yield Good(len(texts), _on_lines(texts))
        else:
            yield from (
                Bad(number, line, raw, code, message) if code else _read(number, line, raw)
                for number, line, raw, code, message in batch
            )


def _read(number: int, line: int, raw: bytes) -> Good | Bad:
    """A record by itself."""
    text = raw.strip()
    if message := find_bad_byte(raw):
        return Bad(number, line, raw, "bad_bytes", message)
    try:
        if not _are_strict([text]):
            text = msgspec.json.format(_LENIENT.sub(_made_strict, text), indent=-1)
    except msgspec.DecodeError as error:
        return Bad(number, line, raw, "not_json", str(error))
    except RecursionError:
        return Bad(number, line, raw, "not_json", "it is nested too deep")
    if not text.startswith(b"{"):
        return Bad(number, line, raw, "not_an_object", "it is JSON, but not an object")
    return Good(1, _on_lines([text]))


def _are_strict(texts: list[bytes]) -> bool:
    """Whether all texts are objects of strict JSON, found in one go."""
    array = b"[%b]" % b",".join(texts)
    try:
        values = _values(array)
    except (msgspec.DecodeError, RecursionError):
        return False
    if find_bad_byte(array):
        return False
    # Each text is one value if none begins or ends elsewhere. No JSON begins with more than `{`.
    return [*map(len, values)] == [*map(len, texts)] and min(texts, default=b"{") >= b"{"


def _made_strict(found: re.Match[bytes]) -> bytes:
    return found[1] or (b'"%b"' % found[2] if found[2] else b"")


def _on_lines(texts: list[bytes]) -> bytes:
    """Texts of strict JSON as lines."""
    lines = b"\n".join([*texts, b""])
    if lines.count(b"\n") > len(texts) or b"\r" in lines:
        lines = b"\n".join([*map(_on_one_line, texts), b""])
    return lines


def _on_one_line(text: bytes) -> bytes:
    has_ends = b"\n" in text or b"\r" in text
    return msgspec.json.format(text, indent=-1) if has_ends else text
