"""The records of JSON files as lines of strict JSON, their text unchanged.

The order of keys, repeated keys, the spelling of numbers and escapes pass. A record over several
lines is put on one. What the loader takes though it is not strict JSON is made so: a comma before a
closing bracket goes, and `NaN`, `Infinity` and the like become strings of the same spelling.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import msgspec

from casebook.combine.text import Bad, Good, find_bad_byte, line_blocks
from casebook.readers.json_array import elements

_BATCH = 500
_LENIENT = re.compile(
    rb'("(?:[^"\\]|\\.)*+")|,(?=\s*[\]}])|(-?\b(?:nan|inf(?:inity)?)\b)', re.IGNORECASE
)
# Cuts an array into the texts of its values, each without white space around it.
_values = msgspec.json.Decoder(list[msgspec.Raw]).decode
# As deep as records may be nested.
sys.setrecursionlimit(20_000)


def read_json_lines(text: BinaryIO) -> Iterator[Good | Bad]:
    """The records of a file that has one on each line; lines end in LF, CRLF or CR."""
    number = line = 1
    for block in line_blocks(text):
        lines = block.split(b"\n")
        texts = list(filter(None, map(bytes.strip, lines)))
        if _are_strict(texts):
            yield Good(len(texts), _on_lines(texts))
            number += len(texts)
            line += len(lines) - 1
            continue
        for long in lines:
            # A CR ends a line unless white space in a record is all that it can be.
            is_one = b"\r" not in long.rstrip() or _are_strict([long.strip()])
            for place, raw in enumerate([long] if is_one else long.split(b"\r")):
                if raw.strip():
                    yield _read(number, line + place, raw)
                    number += 1
            line += 1
        line -= 1


def read_json_array(path: Path, compression: str | None) -> Iterator[Good | Bad]:
    """The elements of a file that holds one array."""
    records = elements(path, compression)
    while batch := list(islice(records, _BATCH)):
        texts = [record.raw for record in batch]
        if _are_strict(texts):
            yield Good(len(texts), _on_lines(texts))
            continue
        for record in batch:
            place = record.number, record.first_line, record.raw
            if record.reason_code:
                yield Bad(*place, record.reason_code, record.message)
            else:
                yield _read(*place)


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
