"""Splits delimited text into records, as RFC 4180 says, in bounded memory and linear time.

What has no quote is not looked at; a record with one is matched as a whole. Fields are not parsed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from casebook.errors import Refused
from casebook.readers.base import MAX_RECORD_BYTES, too_long
from casebook.readers.count import MAX_QUOTE_BYTES

BLOCK, SMALL_BLOCK = 4 << 20, 1 << 16
_LARGEST_BLOCK = 16 << 20


class Piece(NamedTuple):
    """One record without the end of its last line; or lines of a record each, with line feeds.

    `lines` is how many it stands in; 0 where `raw` holds many. `code` and `message` say why it
    cannot be read.
    """

    raw: bytes
    lines: int = 0
    code: str | None = None
    message: str = ""

    @property
    def records(self) -> list[bytes]:
        """The bytes of each record."""
        return [self.raw] if self.lines else self.raw.split(b"\n")[:-1]


class Splitter:
    """Splits a text at the ends of its lines, but for those in quotes.

    A carriage return beside a line feed is never part of a record. A quote that is not closed
    within `MAX_QUOTE_BYTES`, or after which its field does not end, ends its record with the line
    that it opened in.

    Args:
        delimiter: the character between two fields; None where quotes mean nothing.
        line_end: `\\r` where carriage returns end lines, else a line feed does.
    """

    def __init__(self, delimiter: str | None, line_end: str) -> None:
        self._by_return = line_end == "\r"
        stop = rb"\r\n" if self._by_return else rb"\n"
        end = rb"(?=[\r\n]|\Z)" if self._by_return else rb"(?=\r*\n|\r*\Z)"
        # A run of returns is looked at once, from where it begins.
        ends = rb"(?:\r?\n|\r)" if self._by_return else rb"(?:(?<!\r)\r++)?\n\r*+"
        self._end = re.compile(ends)
        self._quote = b'"' if delimiter else None
        mark = re.escape((delimiter or ",").encode())
        # Python before 3.11.5 goes wrong where a repeat's last try fails: an empty one never does.
        self._quoted = re.compile(rb'"(?:[^"]++|""|)*+"')
        field = rb'(?:%b|(?!")[^%b%b]*+)' % (self._quoted.pattern, mark, stop)
        self._field = re.compile(rb"(%b)(?:%b|%b)" % (field, mark, end))
        self._record = re.compile(rb"(?:%b%b|)*+(?:%b%b())?" % (field, mark, field, end))
        simple = rb'(?:"(?:[^"\r\n]++|""|)*+"|(?!")[^%b%b]*+)' % (mark, stop)
        self._run = re.compile(rb"(?:(?:%b%b|)*+%b%b|)*+" % (simple, mark, simple, ends))

    def split(self, text: BinaryIO, block: int = BLOCK) -> Iterator[Piece]:
        """The pieces of a text, in order; Refused if a record is too long.

        So many bytes are read at once as `block` says, more only where a record is longer.
        """
        buffer, held, at, line = b"", b"", 0, 1
        ended = False
        while not ended or at < len(buffer):
            at = self._skip(buffer, at)
            limit, has_quote = self._plain_until(buffer, at, ended)
            limit = self._skip(buffer, limit) if has_quote and limit > at else limit
            if has_quote and limit < len(buffer):
                limit = self._run.match(buffer, limit).end()  # type: ignore[union-attr]
            if limit > at:
                lines = self._normal(buffer[at:limit])
                line += lines.count(b"\n")
                yield Piece(lines)
                at = limit
            elif has_quote and (piece := self._record_at(buffer, at, ended)):
                start = at
                at += len(piece.raw)
                found = self._end.match(buffer, at)
                at = found.end() if found else len(buffer)
                line += piece.lines
                yield piece
                assert at > start
            else:
                rest = buffer[at:]
                if len(rest) > MAX_RECORD_BYTES:
                    raise Refused(too_long(line))
                more = text.read(max(block, min(len(rest), _LARGEST_BLOCK)))
                buffer, at, ended = rest + held + more, 0, not more
                # A line feed may follow.
                held = b"\r" if self._by_return and more.endswith(b"\r") else b""
                buffer = buffer.removesuffix(held)
                is_long = len(buffer) > MAX_RECORD_BYTES
                if is_long and not self._end.search(buffer, 0, MAX_RECORD_BYTES + 1):
                    raise Refused(too_long(line))

    def _skip(self, buffer: bytes, at: int) -> int:
        """The place after carriage returns at the beginning of a line; they mean nothing there."""
        while not self._by_return and buffer.startswith(b"\r", at):
            at += 1
        return at

    def _plain_until(self, buffer: bytes, at: int, ended: bool) -> tuple[int, bool]:
        """Where whole lines without quotes end that begin at a place; whether a quote follows."""
        quote = buffer.find(self._quote, at) if self._quote else -1
        stop = quote if quote >= 0 else len(buffer)
        if quote < 0 and ended:
            return stop, False
        found = buffer.rfind(b"\n", at, stop)
        if self._by_return:
            found = max(found, buffer.rfind(b"\r", at, stop))
        return max(at, found + 1), quote >= 0

    def _normal(self, lines: bytes) -> bytes:
        """Lines that all end in one line feed, the last one too."""
        if b"\r" in lines:
            lines = self._end.sub(b"\n", lines)
            lines = lines if self._by_return else lines.strip(b"\r")
        return lines if lines.endswith(b"\n") else lines + b"\n"

    def _record_at(self, buffer: bytes, start: int, ended: bool) -> Piece | None:
        """The record that begins at a place; None if more text is needed to know."""
        found = self._record.match(buffer, start)
        assert found
        end, is_whole = found.end(), found.group(1) is not None
        if not ended:
            held = len(buffer) - end
            is_told = self._end.match(buffer, end) if is_whole else held > MAX_QUOTE_BYTES + 2
            if not held or not is_told:
                return None
        if is_whole and end - start > MAX_QUOTE_BYTES:
            is_whole, end = self._check_length(buffer, start, end)
        if is_whole:
            return self._piece(buffer[start:end])
        opened = self._quoted.match(buffer, end)
        is_closed = opened and opened.end() - end <= MAX_QUOTE_BYTES + 1
        number = len(self._field.findall(buffer, start, end))
        stop = self._end.search(buffer, end)
        if stop is None and not ended:
            return None
        raw = buffer[start : stop.start() if stop else len(buffer)]
        if is_closed:
            message = f"text follows the closing quote of field {number}"
            return self._piece(raw, "text_after_quote", message)
        message = f"the quote of field {number} is not closed within 1 MiB"
        return self._piece(raw, "unclosed_quote", message)

    def _check_length(self, buffer: bytes, start: int, end: int) -> tuple[bool, int]:
        """Whether all quotes of a long record close in time, and where its first fault begins."""
        for field in self._field.finditer(buffer, start, end):
            is_quoted = buffer[field.start() : field.start() + 1] == b'"'
            if is_quoted and field.end(1) - field.start() > MAX_QUOTE_BYTES + 1:
                return False, field.start()
            if field.end() == end:
                break
        return True, end

    def _piece(self, raw: bytes, code: str | None = None, message: str = "") -> Piece:
        raw = raw if self._by_return else raw.rstrip(b"\r")
        return Piece(raw, len(self._end.findall(raw)) + 1, code, message)
