"""A text of JSON that is read in pieces, and the places in it where values end."""

from __future__ import annotations

import json
import re
from typing import BinaryIO

from casebook.errors import Refused
from casebook.readers.base import MAX_RECORD_BYTES, too_long

BLOCK = 1 << 20
BLANKS, BROKEN = b" \t\r\n", -1
_LARGEST_BLOCK, LOOKED_AT, _AHEAD = 16 << 20, 1 << 20, 64 << 10
STRING = rb'"(?:[^"\\\n]++|\\.|)*+"'


def _nested(depth: int) -> bytes:
    """A pattern for an object or an array with brackets in it to a depth."""
    inner = rb"|" + _nested(depth - 1) if depth else b""
    inside = rb'(?:[^"{}\[\]]++|%b%b|)*+' % (STRING, inner)
    return rb"\{%b\}|\[%b\]" % (inside, inside)


_VALUE = _nested(4)
OBJECT = re.compile(rb"(?=\{)(?:%b)" % _VALUE)
_ELEMENT = re.compile(rb'((?:[^"{}\[\],]++|%b|%b|)*+)(?=[,\]])' % (STRING, _VALUE))
# In one line, without brackets or backslashes in it, with a comma behind it: where its quotes are
# even, it ends there, whatever follows. And many of those.
_PLAIN = rb"\{[^{}\[\]\r\n\\]*+\}"
_BETWEEN = rb"[ \t]*+,[ \t\r\n]*+"
PLAIN_ELEMENTS = re.compile(rb"%b%b(?:%b%b|){0,199}+" % (2 * (_PLAIN, _BETWEEN)))
BETWEEN_PLAIN = re.compile(rb"\}(%b)\{" % _BETWEEN)
_NOT_BLANK = re.compile(rb"[^ \t\r\n]")
TOKEN = re.compile(rb'%b|[{}\[\],"]' % STRING)
_OPENED_BY = {b"]": b"[", b"}": b"{"}


class Text:
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
        """Where an element ends that is held as a whole, or `BROKEN`."""
        if self.at >= self._stop:
            sibling = self.sibling()
            self._stop = sibling if sibling >= 0 else len(self.buffer)
        found = _ELEMENT.match(self.buffer, self.at, self._stop)
        return found.end() if found else BROKEN

    def look_ahead(self, comma: bytes) -> int:
        """Where an element ends past lines that look like the beginning of another, or `BROKEN`.

        Far ahead it must be JSON as well, or two that are broken could take what is between. What
        it costs stays in proportion to the text: not for all that are broken is it done.
        """
        passed = LOOKED_AT + self._dropped + self.at
        if self._spent > 4 * passed:
            return BROKEN
        end, ahead = end_by_brackets(self, self.at + _AHEAD, comma), _AHEAD
        whole = _ELEMENT if comma else OBJECT
        self._spent += _AHEAD if end in (None, BROKEN) else 0
        while end is None and ahead < MAX_RECORD_BYTES and self._far <= MAX_RECORD_BYTES + passed:
            ahead = min(4 * ahead, MAX_RECORD_BYTES)
            while len(self.buffer) < self.at + ahead and self.more():
                pass
            if found := whole.match(self.buffer, self.at, self.at + ahead):
                return found.end() if is_json(found.group()) else BROKEN
            self._far += ahead
        return BROKEN if end is None else end

    def take(self, end: int) -> bytes:
        """Go to a place, and return what was passed, without blanks at its end."""
        if end - self.at > MAX_RECORD_BYTES:
            raise Refused(too_long(self.line))
        taken, self.at = self.buffer[self.at : end], end
        return taken.rstrip(BLANKS)

    def rest(self) -> bytes:
        """Go to the end, and return what was passed."""
        while self.more():
            pass
        return self.take(len(self.buffer))


def is_json(raw: bytes) -> bool:
    """Whether Python takes bytes for a value of JSON."""
    try:
        return json.loads(raw) is not ...
    except (ValueError, RecursionError):
        return False


def end_by_brackets(text: Text, stop: int, comma: bytes) -> int | None:
    """Where the element at `at` ends; `BROKEN`; None if not before `stop`, or the end at -1."""
    buffer = text.buffer
    stop = min(stop, len(buffer)) if stop >= 0 else len(buffer)
    opened: list[bytes] = []
    for found in TOKEN.finditer(buffer, text.at, stop):
        token = found.group()
        if token == b'"':
            is_cut = buffer.find(b"\n", found.start(), stop + 1) < 0
            return None if is_cut and not (text.ended and stop == len(buffer)) else BROKEN
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
    return None
