"""The elements of JSON arrays."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from pathlib import Path

from casebook.combine.legacy_ahead import Ahead
from casebook.combine.legacy_judge import Record
from casebook.errors import Refused
from casebook.readers.archives import open_text
from casebook.readers.base import MAX_RECORD_BYTES

_PIECE = 1 << 20
_LONGEST_INDENT = 4096
_NOT_SPACE = re.compile(r"[^ \t\r\n]")
_TOKEN = re.compile(r'["\\\[\]{},\n]')
_scan = json.JSONDecoder().scan_once
_OPENED_BY = {"]": "[", "}": "{"}
_BROKEN = -1


class _Text:
    """A text read piece by piece; bytes that are not UTF-8 are kept as lone surrogates.

    Attributes:
        buffer: what is held of it now.
        at: where reading goes on in the buffer.
        ended: whether the buffer holds the text's end.
    """

    def __init__(self, path: Path, compression: str | None) -> None:
        self._file = open_text(path, compression)
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape")
        self._line, self._counted = 1, 0
        self.buffer, self.at, self.ended = "", 0, False
        self.more()

    def close(self) -> None:
        self._file.close()

    @property
    def line(self) -> int:
        """The 1-based number of the line at `at`."""
        self._line += self.buffer.count("\n", self._counted, self.at)
        self._counted = self.at
        return self._line

    @property
    def indent(self) -> str:
        """The white space before `at` in its line; none if other text stands before it."""
        before = self.buffer[self.buffer.rfind("\n", 0, self.at) + 1 : self.at]
        return "" if before.strip() else before

    def more(self) -> bool:
        """Hold more of the text; False if there is no more of it.

        As much again as is held already, so that a long record is not looked at too often.
        """
        if self.ended:
            return False
        self._check_length(len(self.buffer))
        self._line = self.line
        start_of_line = self.buffer.rfind("\n", max(0, self.at - _LONGEST_INDENT), self.at)
        kept = start_of_line if start_of_line >= 0 else self.at
        self.buffer, self.at = self.buffer[kept:], self.at - kept
        self._counted = self.at
        piece = self._file.read(max(_PIECE, len(self.buffer)))
        self.ended = not piece
        self.buffer += self._decoder.decode(piece, final=self.ended)
        return True

    def next(self) -> str:
        """Go to the next character that is not white space; return it, or nothing at the end."""
        while True:
            found = _NOT_SPACE.search(self.buffer, self.at)
            if found:
                self.at = found.start()
                return found.group()
            self.at = len(self.buffer)
            if not self.more():
                return ""

    def take(self, to: int) -> str:
        """Move on to a place in the buffer; return the text that was passed.

        Raises:
            Refused: if that is more than one record may have.
        """
        self._check_length(to)
        start, self.at = self.at, to
        return self.buffer[start:to]

    def _check_length(self, to: int) -> None:
        if to - self.at > MAX_RECORD_BYTES:
            raise Refused(
                f"the record in line {self.line} is longer than {MAX_RECORD_BYTES >> 20} MiB, the"
                " most that one record may have"
            )


def elements(path: Path, compression: str | None) -> Iterator[Record]:
    """The elements of a file's array, in order, in bounded memory.

    An element that is not JSON ends at the comma or bracket that its own brackets and strings lead
    to; where they lead nowhere, before the next line that begins with `{` as far in as its own.

    Yields:
        Records to be judged, or with reason `broken_array` where the array itself is broken.

    Raises:
        Refused: if an element is too long.
    """
    text = _Text(path, compression)
    ahead = Ahead(text)
    try:
        text.next()
        text.at += 1
        number = 0
        while True:
            first = text.next()
            if first == "{" and (records := ahead.look(number)):
                number += len(records)
                yield from records
            else:
                number += 1
                if first == "]":
                    text.at += 1
                    if text.next():
                        yield _rest(text, number, "text after the array's closing ]")
                    return
                if not first:
                    yield _rest(text, number, "the array is not closed with ]")
                    return
                record = _element(text, number)
                # Whoever judges the record writes into it: what it is now, the array is.
                array_is_broken = record.reason_code is not None
                yield record
                if array_is_broken:
                    return
                ahead.learn()
            if text.next() == ",":
                text.at += 1
    finally:
        text.close()


def _element(text: _Text, number: int) -> Record:
    line = text.line
    while (end := _end_of_element(text)) is None:
        if not text.more():
            return _rest(text, number, "the array is not closed with ]")
    if end != _BROKEN:
        return Record(number, line, _bytes(text.take(end).rstrip()))
    indent = text.indent
    while (end := text.buffer.find(f"\n{indent}{{", text.at + 1)) < 0:
        if not text.more():
            return _rest(text, number, "nothing after it in the array can be told apart")
    return Record(number, line, _bytes(text.take(end).rstrip().removesuffix(",")))


def _end_of_element(text: _Text) -> int | None:
    """Where the element ends; None if more text is needed to tell, `_BROKEN` if that won't help."""
    try:
        _, end = _scan(text.buffer, text.at)
    except (ValueError, StopIteration, RecursionError):
        return _end_by_brackets(text.buffer, text.at)
    after = _NOT_SPACE.search(text.buffer, end)
    if after is None:
        return end if text.ended else None
    return end if after.group() in ",]" else _end_by_brackets(text.buffer, text.at)


def _end_by_brackets(buffer: str, at: int) -> int | None:
    """The place of the comma or bracket that ends the element, by its brackets and strings."""
    open_brackets: list[str] = []
    in_string = False
    while found := _TOKEN.search(buffer, at):
        token, at = found.group(), found.end()
        if in_string:
            if token == "\n":
                return _BROKEN
            at += token == "\\"
            in_string = token != '"'
        elif token == '"':
            in_string = True
        elif token in "[{":
            open_brackets.append(token)
        elif token in "],}" and not open_brackets:
            return _BROKEN if token == "}" else found.start()
        elif token in "]}" and open_brackets.pop() != _OPENED_BY[token]:
            return _BROKEN
    return None


def _rest(text: _Text, number: int, message: str) -> Record:
    line = text.line
    while text.more():
        pass
    rest = text.take(len(text.buffer)).rstrip()
    record = Record(number, line, _bytes(rest))
    record.reject("broken_array", message)
    return record


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
