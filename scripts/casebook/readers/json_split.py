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

BLOCK = 1 << 20
_BLANKS, _BROKEN = b" \t\r\n", -1
_LARGEST_BLOCK, _LOOKED_AT, _AHEAD = 16 << 20, 1 << 20, 64 << 10
_STRING = rb'"(?:[^"\\\n]++|\\.)*+"'


def _nested(depth: int) -> bytes:
    """A pattern for an object or an array with brackets in it to a depth."""
    inner = rb"|" + _nested(depth - 1) if depth else b""
    inside = rb'(?:[^"{}\[\]]++|%b%b)*+' % (_STRING, inner)
    return rb"\{%b\}|\[%b\]" % (inside, inside)


_VALUE = _nested(4)
_OBJECT = re.compile(rb"(?=\{)(?:%b)" % _VALUE)
_ELEMENT = re.compile(rb'((?:[^"{}\[\],]++|%b|%b)*+)(?=[,\]])' % (_STRING, _VALUE))
_MEMBER = re.compile(rb"[ \t\r\n]*(%b)[ \t\r\n]*:[ \t\r\n]*" % _STRING)
_NOT_BLANK = re.compile(rb"[^ \t\r\n]")
_TOKEN = re.compile(rb'%b|[{}\[\],"]' % _STRING)
_PRINTED = re.compile(rb'\{[ \t]*[\r\n][ \t\r\n]*"')
# A line that begins with `{` where no value may stand: one record after the other.
_NEXT_RECORD = re.compile(rb"[^\[,: \t\r\n][ \t\r\n]*[\r\n]\{")
_OPENED_BY = {b"]": b"[", b"}": b"{"}


class Element(NamedTuple):
    """One element: its number and first line, from 1, and its bytes.

    `code` is `broken_array` where the array ends in this, with a message for people; else None.
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
    text = _Text(file)
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


def first_byte(file: BinaryIO) -> tuple[bytes, bool]:
    """The first byte that is not white space, and whether objects begin there, not one a line.

    They do where the first one stands in several lines or is followed by another in the same. One
    that goes on into lines which look like records by themselves is a broken line.

    Raises:
        Refused: if the first object is too long.
    """
    text = _Text(file)
    first = text.next()
    if first != b"{" or _PRINTED.match(text.buffer, text.at):
        return first, first == b"{"
    while True:
        found = _OBJECT.match(text.buffer, text.at)
        end = found.end() if found else _end_by_brackets(text, -1, b"")
        held = len(text.buffer) if end is None else end
        is_line = _NEXT_RECORD.search(text.buffer, text.at, held) is not None
        if end is not None or is_line or not text.more():
            break
    if end is None or end == _BROKEN or is_line:
        return first, False
    record = text.take(end)
    if text.at == len(text.buffer):
        text.more()
    is_followed = text.buffer[text.at :].lstrip(b" \t").startswith(b"{")
    return first, b":" in record and (b"\n" in record or b"\r" in record or is_followed)


class _Text:
    """A text that is read in pieces, and the place `at` in it where reading goes on."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.buffer, self.at, self.ended = b"", 0, False
        self._line, self._counted, self._dropped = 1, 0, 0
        self._stop = self._spent = self._far = 0

    @property
    def line(self) -> int:
        """The 1-based number of the line at `at`."""
        self._line += self.buffer.count(b"\n", self._counted, self.at)
        self._counted = self.at
        return self._line

    def more(self) -> bool:
        """Hold more of the text, as much again as is held already; False if there is no more."""
        if self.ended:
            return False
        if len(self.buffer) - self.at > MAX_RECORD_BYTES:
            raise Refused(too_long(self.line))
        self._line = self.line
        start_of_line = self.buffer.rfind(b"\n", max(0, self.at - 4096), self.at)
        kept = start_of_line if start_of_line >= 0 else self.at
        self._dropped, self.at = self._dropped + kept, self.at - kept
        self._counted, self._stop = self.at, 0
        piece = self._file.read(max(BLOCK, min(len(self.buffer) - kept, _LARGEST_BLOCK)))
        self.ended = not piece
        self.buffer = self.buffer[kept:] + piece
        return True

    def next(self) -> bytes:
        """Go to the next byte that is not white space; return it, or nothing at the end."""
        while not (found := _NOT_BLANK.search(self.buffer, self.at)):
            self.at = len(self.buffer)
            if not self.more():
                return b""
        self.at = found.start()
        return found.group()

    def sibling(self) -> int:
        """Where the next line begins as far in as the element at `at`, with an object; or -1."""
        before = self.buffer[self.buffer.rfind(b"\n", 0, self.at) + 1 : self.at]
        return self.buffer.find(b"\n%b{" % (b"" if before.strip() else before), self.at + 1)

    def element_end(self) -> int:
        """Where an element ends that is held as a whole, or `_BROKEN`."""
        if self.at >= self._stop:
            sibling = self.sibling()
            self._stop = sibling if sibling >= 0 else len(self.buffer)
        found = _ELEMENT.match(self.buffer, self.at, self._stop)
        return found.end() if found else _BROKEN

    def look_ahead(self, comma: bytes) -> int:
        """Where an element ends past lines that look like the beginning of another, or `_BROKEN`.

        Far ahead it must be JSON as well, or two that are broken could take what is between. What
        it costs stays in proportion to the text: not for all that are broken is it done.
        """
        passed = _LOOKED_AT + self._dropped + self.at
        if self._spent > 4 * passed:
            return _BROKEN
        end, ahead = _end_by_brackets(self, self.at + _AHEAD, comma), _AHEAD
        whole = _ELEMENT if comma else _OBJECT
        self._spent += _AHEAD if end in (None, _BROKEN) else 0
        while end is None and ahead < MAX_RECORD_BYTES and self._far <= MAX_RECORD_BYTES + passed:
            ahead = min(4 * ahead, MAX_RECORD_BYTES)
            while len(self.buffer) < self.at + ahead and self.more():
                pass
            if found := whole.match(self.buffer, self.at, self.at + ahead):
                return found.end() if _is_json(found.group()) else _BROKEN
            self._far += ahead
        return _BROKEN if end is None else end

    def take(self, end: int) -> bytes:
        """Go to a place, and return what was passed, without blanks at its end."""
        if end - self.at > MAX_RECORD_BYTES:
            raise Refused(too_long(self.line))
        taken, self.at = self.buffer[self.at : end], end
        return taken.rstrip(_BLANKS)

    def rest(self) -> bytes:
        while self.more():
            pass
        return self.take(len(self.buffer))


def _array(text: _Text, number: int) -> Iterator[Element]:
    """The elements of an array, which reading stands at, after so many."""
    text.at += 1
    while (first := text.next()) != b"]":
        number, line = number + 1, text.line
        if not first:
            yield Element(number, line, b"", "broken_array", "the array is not closed with ]")
            return
        while (end := text.element_end()) == _BROKEN and len(text.buffer) - text.at < _LOOKED_AT:
            if not text.more():
                break
        raw, why = _odd_element(text, b",") if end == _BROKEN else (text.take(end), "")
        yield Element(number, line, raw, "broken_array" if why else None, why)
        if why:
            return
        if text.buffer.startswith(b",", text.at) or text.next() == b",":
            text.at += 1
    text.at += 1


def _objects(text: _Text) -> Iterator[Element]:
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


def _odd_element(text: _Text, comma: bytes) -> tuple[bytes, str]:
    """An element that is cut, broken or deeply nested, and why nothing after it can be read."""
    while (end := _end_by_brackets(text, text.sibling(), comma)) is None and text.sibling() < 0:
        if not text.more():
            rest = text.rest()
            return rest, "" if _is_json(rest) else "the array is not closed with ]"
    if end is None or end == _BROKEN:
        end = text.look_ahead(comma)
    if end != _BROKEN:
        return text.take(end), ""
    while (end := text.sibling()) < 0:
        if not text.more():
            return text.rest(), "nothing after it in the array can be told apart"
    return text.take(end).removesuffix(comma), ""


def _is_json(raw: bytes) -> bool:
    try:
        return json.loads(raw) is not ...
    except (ValueError, RecursionError):
        return False


def _end_by_brackets(text: _Text, stop: int, comma: bytes) -> int | None:
    """Where the element at `at` ends; `_BROKEN`; None if not before `stop`, or the end at -1."""
    buffer = text.buffer
    stop = min(stop, len(buffer)) if stop >= 0 else len(buffer)
    opened: list[bytes] = []
    for found in _TOKEN.finditer(buffer, text.at, stop):
        token = found.group()
        if token == b'"':
            is_cut = buffer.find(b"\n", found.start(), stop + 1) < 0
            return None if is_cut and not (text.ended and stop == len(buffer)) else _BROKEN
        if token in (b"{", b"["):
            opened.append(token)
        elif token == b"," or token[:1] == b'"':
            if token == comma and not opened:
                return found.start()
        elif not opened:
            return _BROKEN if token == b"}" else found.start()
        elif opened.pop() != _OPENED_BY[token]:
            return _BROKEN
        elif not opened and not comma:
            return found.end()
    return None


def _go_to(text: _Text, path: list[str]) -> int:
    """Go to the array that a path of members leads to; returns how many objects it is in."""
    for depth, wanted in enumerate(path, 1):
        seen, comma = list[str](), True
        while comma and wanted not in seen:
            text.at += 1
            while not (member := _MEMBER.match(text.buffer, text.at)) and text.more():
                pass
            if member is None:
                break
            text.at = member.end()
            seen.append(member.group(1)[1:-1].decode("utf-8", "backslashreplace"))
            if seen[-1] != wanted:
                while (end := _end_by_brackets(text, -1, b",")) is None and text.more():
                    pass
                text.at = max(end or 0, text.at)
                comma = text.next() == b","
        if wanted not in seen or text.next() != (b"[" if depth == len(path) else b"{"):
            has = ", ".join(name for name in seen if name != wanted) or "none"
            raise Refused(
                f"it has no member {'.'.join(path)} that holds the records; it has: {has}"
            )
    return len(path)


def _leave(text: _Text, depth: int) -> bool:
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
