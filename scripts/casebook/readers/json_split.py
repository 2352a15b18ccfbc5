"""Finds the elements of JSON arrays, and objects one after the other, in linear time.

Elements are told apart by their brackets and strings; whether one is JSON is for DuckDB to find.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from casebook.errors import Refused
from casebook.readers.base import MAX_RECORD_BYTES
from casebook.readers.split import too_long

BLOCK = 1 << 20
_LARGEST_BLOCK = 16 << 20
_DEPTH = 4
_STRING = rb'"(?:[^"\\\n]++|\\.)*+"'
_BLANKS = b" \t\r\n"


def _nested(depth: int) -> bytes:
    """A pattern for an object or an array with brackets in it to a depth."""
    inner = rb"|" + _nested(depth - 1) if depth else b""
    inside = rb'(?:[^"{}\[\]]++|%b%b)*+' % (_STRING, inner)
    return rb"\{%b\}|\[%b\]" % (inside, inside)


_VALUE = rb"(?:%b|%b)" % (_STRING, _nested(_DEPTH))
_ELEMENT = re.compile(rb'(?:[^"{}\[\],]++|%b)*+(?=[,\]])' % _VALUE)
_OBJECT = re.compile(rb"(?=\{)(?:%b)" % _nested(_DEPTH))
_MEMBER = re.compile(rb"[ \t\r\n]*(%b)[ \t\r\n]*:[ \t\r\n]*" % _STRING)
_SKIPPED = re.compile(rb'(?:[^"{}\[\],]++|%b)*+[ \t\r\n]*(,|(?=\}))' % _VALUE)
_TOKEN = re.compile(rb'%b|[{}\[\],"]' % _STRING)
_NOT_BLANK = re.compile(rb"[^ \t\r\n]")
_OPENED_BY = {b"]": b"[", b"}": b"{"}
_BROKEN = -1


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


class _Text:
    """A text in pieces, and the place in it where reading goes on."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.buffer, self.at, self.ended = b"", 0, False
        self._line, self._counted = 1, 0

    @property
    def line(self) -> int:
        """The 1-based number of the line at `at`."""
        self._line += self.buffer.count(b"\n", self._counted, self.at)
        self._counted = self.at
        return self._line

    def more(self) -> bool:
        """Hold more of the text, as much again as is held already; False if there is no more.

        Raises:
            Refused: if what is held is more than one record may have.
        """
        if self.ended:
            return False
        if len(self.buffer) - self.at > MAX_RECORD_BYTES:
            raise Refused(too_long(self.line))
        self._line = self.line
        start_of_line = self.buffer.rfind(b"\n", max(0, self.at - 4096), self.at)
        kept = start_of_line if start_of_line >= 0 else self.at
        self.buffer, self.at = self.buffer[kept:], self.at - kept
        self._counted = self.at
        piece = self._file.read(max(BLOCK, min(len(self.buffer), _LARGEST_BLOCK)))
        self.ended = not piece
        self.buffer += piece
        return True

    def next(self) -> bytes:
        """Go to the next byte that is not white space; return it, or nothing at the end."""
        while True:
            found = _NOT_BLANK.search(self.buffer, self.at)
            if found:
                self.at = found.start()
                return found.group()
            self.at = len(self.buffer)
            if not self.more():
                return b""

    def match(self, pattern: re.Pattern[bytes]) -> re.Match[bytes] | None:
        """What matches at `at`, with all text that may be part of it."""
        found = pattern.match(self.buffer, self.at)
        while (found is None or found.end() == len(self.buffer)) and self.more():
            found = pattern.match(self.buffer, self.at)
        return found

    @property
    def sibling(self) -> bytes:
        """How a line begins that begins as far in as the element at `at`, with an object."""
        before = self.buffer[self.buffer.rfind(b"\n", 0, self.at) + 1 : self.at]
        return b"\n" + (b"" if before.strip() else before) + b"{"

    def take(self, end: int) -> bytes:
        """Go to a place, and return what was passed, without blanks at its end."""
        if end - self.at > MAX_RECORD_BYTES:
            raise Refused(too_long(self.line))
        start, self.at = self.at, end
        return self.buffer[start:end].rstrip(_BLANKS)

    def rest(self) -> bytes:
        """Everything up to the end."""
        while self.more():
            pass
        return self.take(len(self.buffer))


def elements(file: BinaryIO, records_at: str | None = None) -> Iterator[Element]:
    """The elements of an array, or objects one after the other, in order, in bounded memory.

    An element ends at the comma or bracket that its own brackets and strings lead to; where they
    lead nowhere, before the next line that begins with `{` as far in as its own.

    Args:
        file: the text, without a byte order mark.
        records_at: the member of the one object in the file that holds the array, names of nested
            ones joined by dots; None where it is not in an object.

    Raises:
        Refused: if an element is too long, or there is no such member.
    """
    text = _Text(file)
    first = text.next()
    if records_at and first == b"{":
        _go_to(text, records_at.split("."))
        yield from _array(text, is_all=False)
    elif first == b"[":
        yield from _array(text)
    else:
        yield from _objects(text)


def _array(text: _Text, is_all: bool = True) -> Iterator[Element]:
    text.at += 1
    number = 0
    while True:
        first = text.next()
        number += 1
        if first == b"]":
            text.at += 1
            if is_all and text.next():
                message = "text after the array's closing ]"
                yield Element(number, text.line, text.rest(), "broken_array", message)
            return
        line = text.line
        if not first:
            yield Element(number, line, b"", "broken_array", "the array is not closed with ]")
            return
        found = _ELEMENT.match(text.buffer, text.at)
        if found:
            yield Element(number, line, text.take(found.end()))
        else:
            raw, why = _odd_element(text, b",")
            yield Element(number, line, raw, "broken_array" if why else None, why)
            if why:
                return
        if text.next() == b",":
            text.at += 1


def _objects(text: _Text) -> Iterator[Element]:
    number = 0
    while text.next():
        number += 1
        line = text.line
        found = _OBJECT.match(text.buffer, text.at)
        if found:
            yield Element(number, line, text.take(found.end()))
        elif text.buffer[text.at : text.at + 1] == b"{":
            yield Element(number, line, _odd_element(text, b"")[0])
        else:
            while (end := text.buffer.find(b"\n", text.at)) < 0 and text.more():
                pass
            yield Element(number, line, text.take(end if end >= 0 else len(text.buffer)))


def _odd_element(text: _Text, comma: bytes) -> tuple[bytes, str]:
    """An element that is cut, broken or deeply nested, and why nothing after it can be read.

    Args:
        text: the text, at the element.
        comma: what ends an element, other than a closing bracket; empty for an object by itself.
    """
    sibling = text.sibling
    while (end := _end_by_brackets(text, sibling, comma)) is None:
        if not text.more():
            return text.rest(), "the array is not closed with ]"
    if end != _BROKEN:
        return text.take(end), ""
    while (end := text.buffer.find(sibling, text.at + 1)) < 0:
        if not text.more():
            return text.rest(), "nothing after it in the array can be told apart"
    return text.take(end).removesuffix(comma), ""


def _end_by_brackets(text: _Text, sibling: bytes, comma: bytes) -> int | None:
    """Where an element ends; None if more text is needed, `_BROKEN` if its brackets do not tell."""
    buffer, at = text.buffer, text.at
    stop = buffer.find(sibling, at + 1)
    stop = stop if stop >= 0 else len(buffer)
    opened: list[bytes] = []
    found = None
    for found in _TOKEN.finditer(buffer, at, stop):
        token = found.group()
        if token == b'"':
            is_cut = not text.ended and buffer.find(b"\n", found.start()) < 0
            return None if is_cut else _BROKEN
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
    return _BROKEN if stop < len(buffer) else None


def _go_to(text: _Text, path: list[str]) -> None:
    """Go to the array that a path of members leads to.

    Raises:
        Refused: if it leads to none.
    """
    seen: list[str] = []
    for depth, wanted in enumerate(path, 1):
        text.at += 1
        seen.clear()
        while (member := text.match(_MEMBER)) is not None:
            name = member.group(1)[1:-1].decode("utf-8", "backslashreplace")
            text.at = member.end()
            if name == wanted:
                break
            seen.append(name)
            value = text.match(_SKIPPED)
            if value is None or not value.group(1):
                break
            text.at = value.end()
        opened = b"[" if depth == len(path) else b"{"
        if member is None or name != wanted or text.next() != opened:
            raise Refused(
                f"it has no member {'.'.join(path)} that holds the records; it has:"
                f" {', '.join(seen) or 'none'}"
            )


def is_printed(head: bytes) -> bool:
    """Whether a text begins with an object that is printed over several lines."""
    found = _OBJECT.match(head.lstrip(_BLANKS))
    return found is not None and b"\n" in found.group() and b":" in found.group()
