"""Finds the elements of JSON arrays, and objects one after the other, in linear time.

Elements are told apart by their brackets and strings; whether one is JSON is for DuckDB to find.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from casebook.errors import Refused
from casebook.readers.base import MAX_RECORD_BYTES, too_long
from casebook.readers.json_text import BLANKS, BROKEN, NOT_BLANK, Text

_DEPTH = 4
_STRING = rb'"(?:[^"\\\n]++|\\.)*+"'


def _nested(depth: int) -> bytes:
    """A pattern for an object or an array with brackets in it to a depth."""
    inner = rb"|" + _nested(depth - 1) if depth else b""
    inside = rb'(?:[^"{}\[\]]++|%b%b)*+' % (_STRING, inner)
    return rb"\{%b\}|\[%b\]" % (inside, inside)


_VALUE = rb"(?:%b|%b)" % (_STRING, _nested(_DEPTH))
_ELEMENT = re.compile(rb'((?:[^"{}\[\],]++|%b)*+)(,|(?=\]))' % _VALUE)
_OBJECT = re.compile(rb"(?=\{)(?:%b)" % _nested(_DEPTH))
_MEMBER = re.compile(rb"[ \t\r\n]*(%b)[ \t\r\n]*:[ \t\r\n]*" % _STRING)
_SKIPPED = re.compile(rb'(?:[^"{}\[\],]++|%b)*+[ \t\r\n]*(,|(?=\}))' % _VALUE)
_TOKEN = re.compile(rb'%b|[{}\[\],"]' % _STRING)
_OPENED_BY = {b"]": b"[", b"}": b"{"}


class Element(NamedTuple):
    """One element.

    Attributes:
        number: its 1-based number.
        first_line: the 1-based number of the line that it begins in.
        raw: its bytes.
        code: `broken_array` where the array ends in this, else None.
        message: that, for people.
    """

    number: int
    first_line: int
    raw: bytes
    code: str | None = None
    message: str = ""


def elements(file: BinaryIO, records_at: str | None = None) -> Iterator[Element]:
    """The elements of an array, or objects one after the other, in order, in bounded memory.

    An element ends at the comma or bracket that its own brackets and strings lead to; where they
    lead nowhere, before the next line that begins with `{` as far in as its own.

    Args:
        file: the text, without a byte order mark.
        records_at: the member of each object in the file that holds an array, names of nested
            ones joined by dots; None where arrays are not in objects.

    Raises:
        Refused: if an element is too long, or there is no such member.
    """
    text = Text(file)
    opening, path = text.next(), records_at.split(".") if records_at else []
    if opening != b"[" and not (path and opening == b"{"):
        yield from _objects(text)
        return
    number, code, is_more = 0, None, True
    while is_more:
        depth = _go_to(text, path) if opening == b"{" else 0
        for element in _array(text, number):
            yield element
            number, code = element.number, element.code
        if not code and not _leave(text, depth):
            code, message = "broken_array", "the object that holds the array is not closed with }"
            yield Element(number + 1, text.line, b"", code, message)
        is_more = not code and depth > 0 and text.next() == opening
    if not code and text.next():
        closing = "array's closing ]" if opening == b"[" else "object's closing }"
        message = f"text after the {closing}"
        yield Element(number + 1, text.line, text.rest(), "broken_array", message)


def are_objects(head: bytes) -> bool:
    """Whether a text begins with an object over several lines, or with several in one line."""
    head = head.lstrip(BLANKS)
    found = _OBJECT.match(head)
    if found is None or b":" not in found.group():
        return False
    return b"\n" in found.group() or head[found.end() :].lstrip(b" \t").startswith(b"{")


def _array(text: Text, number: int) -> Iterator[Element]:
    """The elements of an array, which reading stands at, after so many."""
    text.at += 1
    while True:
        for element in _whole_elements(text, number):
            yield element
            number = element.number
        first = text.next()
        if first == b"]":
            text.at += 1
            return
        if first and text.needs_more():
            continue
        number, line = number + 1, text.line
        if not first:
            yield Element(number, line, b"", "broken_array", "the array is not closed with ]")
            return
        raw, why = _odd_element(text, b",")
        yield Element(number, line, raw, "broken_array" if why else None, why)
        if why:
            return
        if text.next() == b",":
            text.at += 1


def _whole_elements(text: Text, number: int) -> Iterator[Element]:
    """The elements that are held as a whole; `at` is behind each when it is given."""
    if not text.next():
        return
    buffer, line, counted = text.buffer, text.line, text.at
    sibling, stop = text.sibling, 0
    while start := NOT_BLANK.search(buffer, text.at):
        at = start.start()
        if stop <= at:
            stop = buffer.find(sibling, at + 1)
            stop = stop if stop >= 0 else len(buffer)
        found = _ELEMENT.match(buffer, at, stop)
        if found is None or (found.end() == at and not found.group(2)):
            return
        raw = found.group(1).rstrip(BLANKS)
        number += 1
        line += buffer.count(b"\n", counted, at)
        counted, text.at = at, found.end()
        if len(raw) > MAX_RECORD_BYTES:
            raise Refused(too_long(line))
        yield Element(number, line, raw)
        if not found.group(2):
            return


def _objects(text: Text) -> Iterator[Element]:
    number = 0
    while first := text.next():
        number, line = number + 1, text.line
        if found := _OBJECT.match(text.buffer, text.at):
            yield Element(number, line, text.take(found.end()))
        elif first == b"{":
            yield Element(number, line, _odd_element(text, b"")[0])
        else:
            while (end := text.buffer.find(b"\n", text.at)) < 0 and text.more():
                pass
            yield Element(number, line, text.take(end if end >= 0 else len(text.buffer)))


def _odd_element(text: Text, comma: bytes) -> tuple[bytes, str]:
    """An element that is cut, broken or deeply nested, and why nothing after it can be read.

    It ends in `comma`, or in a closing bracket; an object by itself in nothing (empty).
    """
    sibling = text.sibling
    while (end := _end_by_brackets(text, text.buffer.find(sibling, text.at + 1), comma)) is None:
        if not text.more():
            rest = text.rest()
            return rest, "" if _is_json(rest) else "the array is not closed with ]"
    if end == BROKEN:
        end = text.look_ahead(lambda to: _end_by_brackets(text, to, comma) or BROKEN)
    if end != BROKEN:
        return text.take(end), ""
    while (end := text.buffer.find(sibling, text.at + 1)) < 0:
        if not text.more():
            return text.rest(), "nothing after it in the array can be told apart"
    return text.take(end).removesuffix(comma), ""


def _is_json(raw: bytes) -> bool:
    try:
        return json.loads(raw) is not ...
    except (ValueError, RecursionError):
        return False


def _end_by_brackets(text: Text, stop: int, comma: bytes) -> int | None:
    """Where the element at `at` ends, before `stop`, if that is not -1.

    None if more text is needed, `BROKEN` if its brackets do not lead to an end.
    """
    buffer = text.buffer
    stop = min(stop, len(buffer)) if stop >= 0 else len(buffer)
    opened: list[bytes] = []
    for found in _TOKEN.finditer(buffer, text.at, stop):
        token = found.group()
        if token == b'"':
            is_cut = not text.ended and buffer.find(b"\n", found.start()) < 0
            return None if is_cut else BROKEN
        if token in (b"{", b"["):
            opened.append(token)
        elif token == b"," or token[:1] == b'"':
            if token == comma and not opened:
                return found.start()
        elif not opened:
            return BROKEN if token == b"}" else found.start()
        elif opened.pop() != _OPENED_BY[token]:
            return BROKEN
        elif not opened and not comma:
            return found.end()
    return BROKEN if stop < len(buffer) else None


def _go_to(text: Text, path: list[str]) -> int:
    """Go to the array that a path of members leads to; returns how many objects it is in."""
    for depth, wanted in enumerate(path, 1):
        text.at += 1
        seen: list[str] = []
        while (member := text.match(_MEMBER)) is not None:
            text.at = member.end()
            name = member.group(1)[1:-1].decode("utf-8", "backslashreplace")
            if name == wanted:
                break
            seen.append(name)
            value = text.match(_SKIPPED)
            if value is None or not value.group(1):
                break
            text.at = value.end()
        opened = b"[" if depth == len(path) else b"{"
        if member is None or name != wanted or text.next() != opened:
            has = ", ".join(seen) or "none"
            raise Refused(
                f"it has no member {'.'.join(path)} that holds the records; it has: {has}"
            )
    return len(path)


def _leave(text: Text, depth: int) -> bool:
    """Go to the end of the objects around a place; False if the text ends before."""
    while depth:
        found = _TOKEN.search(text.buffer, text.at)
        if found is None or found.group() == b'"':
            text.at = found.start() if found else len(text.buffer)
            if not text.more():
                return False
        else:
            depth += (found.group() in b"{[") - (found.group() in b"]}")
            text.at = found.end()
    return True
