"""A JSON text that is read in pieces, in bounded memory."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import BinaryIO

from casebook.errors import Refused
from casebook.readers.base import MAX_RECORD_BYTES, too_long

BLOCK = 1 << 20
BROKEN = -1
BLANKS = b" \t\r\n"
NOT_BLANK = re.compile(rb"[^ \t\r\n]")
_LARGEST_BLOCK = 16 << 20
_LOOKED_AT, _AHEAD = 1 << 20, 64 << 10


class Text:
    """A text that is read in pieces, and the place `at` in it where reading goes on."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.buffer, self.at, self.ended = b"", 0, False
        self._line, self._counted = 1, 0
        self._dropped = self._spent = 0

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
        self._dropped += kept
        self.at -= kept
        self._counted = self.at
        piece = self._file.read(max(BLOCK, min(len(self.buffer) - kept, _LARGEST_BLOCK)))
        self.ended = not piece
        self.buffer = self.buffer[kept:] + piece
        return True

    def needs_more(self) -> bool:
        """Hold more of the text where less is held than an element of usual size may need."""
        return len(self.buffer) - self.at < _LOOKED_AT and self.more()

    def look_ahead(self, find_end: Callable[[int], int]) -> int:
        """What finds an element's end up to a place finds past the next line that looks like one.

        Not for each broken element: what that costs stays in proportion to the text.
        """
        if self._spent > 4 * (_LOOKED_AT + self._dropped + self.at):
            return BROKEN
        end = find_end(self.at + _AHEAD)
        self._spent += _AHEAD if end == BROKEN else 0
        return end

    def next(self) -> bytes:
        """Go to the next byte that is not white space; return it, or nothing at the end."""
        while True:
            if found := NOT_BLANK.search(self.buffer, self.at):
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
        return self.buffer[start:end].rstrip(BLANKS)

    def rest(self) -> bytes:
        while self.more():
            pass
        return self.take(len(self.buffer))
