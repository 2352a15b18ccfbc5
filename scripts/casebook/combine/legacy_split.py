"""Splits delimited text into records, as RFC 4180 says, one record at a time.

What a record is does not depend on its neighbours, unless by a quote that stays open.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from itertools import count
from operator import methodcaller
from typing import BinaryIO, TypeVar

from casebook.errors import Refused
from casebook.readers.base import MAX_RECORD_BYTES

MAX_QUOTE_BYTES = 1 << 20
_BLOCK = 1 << 18
_LARGEST_BLOCK = 8 << 20
_NEAR = 1 << 15
_TRIES = 4
_MUST_QUOTE = re.compile(rb'["\r\n]')
_Piece = TypeVar("_Piece")


@dataclass(slots=True)
class Record:
    """One record of delimited text.

    Attributes:
        number: its number in the text; the header has 0.
        first_line: the 1-based number of the line that it begins in.
        raw: its bytes, exactly as they stand in the text, without the end of its last line.
        payload: the record with quotes only where RFC 4180 has them, if it is good.
        reason_code: why it is not, else None.
        message: the reason, for people.
        fields: its fields without their quotes, where they were looked at one by one.
    """

    number: int
    first_line: int
    raw: bytes
    payload: bytes | None = None
    reason_code: str | None = None
    message: str = ""
    fields: list[bytes] | None = None


@dataclass(slots=True)
class Block:
    """Good records that follow each other, as the fields of all of them.

    Attributes:
        number: the number of the first of them in the text; the header has 0.
        fields: the fields of the first one, without their quotes, then those of the second, and so
            on.
        size: the bytes that they stand in.
    """

    number: int
    fields: list[bytes]
    size: int


@dataclass(slots=True)
class _Scan:
    """A record that begins somewhere in a buffer.

    Attributes:
        end: the place after its last byte.
        next: the place after the end of its last line.
        fields: its fields, without their quotes.
        reason_code: what is wrong with its last quote, else None.
        message: that, for people.
    """

    end: int
    next: int
    fields: list[bytes]
    reason_code: str | None = None
    message: str = ""


class Splitter:
    """The records of a text, in order, in bounded memory.

    A quote after which its field does not end, or that does not close within `MAX_QUOTE_BYTES`,
    ends its record with the line that it opened in.

    Args:
        text: the text, open for reading.
        delimiter: the character between two fields.
        fields: how many a good record has; any number where None.
        begun: what was read of the text already.

    Attributes:
        lines: lines that the records and the blank lines so far were in.
        records: records so far; the header is one.
    """

    def __init__(
        self, text: BinaryIO, delimiter: str, fields: int | None = None, begun: bytes = b""
    ) -> None:
        self._text = text
        self._delimiter, self._fields = delimiter.encode(), fields
        escaped = re.escape(self._delimiter)
        self._stop = re.compile(b"[\n" + escaped + b"]")
        self._stray_quote = re.compile(b'[^"' + escaped + b']"|"[^"' + escaped + b"]")
        self._buffer, self._ended, self._is_utf8 = begun, False, True
        self.lines = self.records = 0

    def __iter__(self) -> Iterator[Record]:
        return self._walk(self._simple_lines)

    def blocks(self) -> Iterator[Block | Record]:
        """The same records, most good ones many at a time; the header may be among those.

        How many fields a record has must be known. A good one that comes by itself has its fields.
        """
        assert self._fields
        for piece in self._walk(self._blocks):
            if isinstance(piece, Record) and piece.payload is not None and piece.fields is None:
                piece.fields = self._split_plain(piece.payload + b"\n")
            yield piece

    def _walk(
        self, take_many: Callable[[int], Generator[_Piece, None, tuple[int, int]]]
    ) -> Iterator[_Piece | Record]:
        """Everything in order; `take_many` is asked first, then lines are looked at one by one."""
        at = 0
        self._hold_more(at)
        while True:
            at, until = yield from take_many(at)
            at = yield from self._plain_lines(at, until)
            if until <= at < len(self._buffer):
                continue
            rest = len(self._buffer) - at
            if self._ended and not rest:
                return
            scan = None if self._is_cut_line_end(at) else self._scan(at)
            if scan is None:
                self._hold_more(at)
                at = 0
            else:
                yield self._judge(at, scan)
                at = scan.next

    def _hold_more(self, at: int) -> None:
        """Drop the buffer up to a place, and add text to it.

        As much again as is left of it, so that a long record is not looked at too often.
        """
        rest = self._buffer[at:]
        self._check_length(len(rest))
        piece = self._text.read(max(_BLOCK, min(len(rest), _LARGEST_BLOCK)))
        self._ended = not piece
        self._buffer = rest + piece
        self._is_utf8 = find_bad_byte(self._buffer, self._ended) is None

    def _check_length(self, length: int) -> None:
        if length > MAX_RECORD_BYTES:
            raise Refused(
                f"the record in line {self.lines + 1} is longer than {MAX_RECORD_BYTES >> 20} MiB,"
                " the most that one record may have"
            )

    def _simple_lines(self, at: int) -> Generator[Record, None, tuple[int, int]]:
        """Records of one line each without quotes, many at a time.

        Returns:
            The place after them, and the one up to which lines must be looked at one by one.
        """
        buffer, delimiters = self._buffer, (self._fields or 1) - 1
        count_delimiters = methodcaller("count", self._delimiter)
        while delimiters and self._is_utf8:
            end = buffer.rfind(b"\n", at, at + _NEAR) + 1
            if not end:
                break
            lines = buffer[at:end].split(b"\n")
            lines.pop()
            has_other = buffer.find(b'"', at, end) >= 0 or buffer.find(b"\r", at, end) >= 0
            if has_other or set(map(count_delimiters, lines)) != {delimiters}:
                return at, end
            yield from map(Record, count(self.records), count(self.lines + 1), lines, lines)
            self.records += len(lines)
            self.lines += len(lines)
            at = end
        return at, len(buffer)

    def _blocks(self, at: int) -> Generator[Block, None, tuple[int, int]]:
        """What `_simple_lines` is for records, for blocks of them; quotes may be in these."""
        buffer, fields = self._buffer, self._fields or 1
        while self._is_utf8 and (end := self._end_of_block(at)):
            found = self._split_plain(buffer[at:end])
            if found is None:
                return at, end
            yield Block(self.records, found, end - at)
            self.records += len(found) // fields
            self.lines += buffer.count(b"\n", at, end)
            at = end
        return at, len(buffer)

    def _end_of_block(self, at: int) -> int:
        """Where whole lines end that begin at a place, outside quotes if all is well; 0 if none do.

        Quotes must come in pairs up to there.
        """
        buffer = self._buffer
        end = buffer.rfind(b"\n", at, at + _NEAR) + 1
        for _ in range(_TRIES):
            if not end or buffer.count(b'"', at, end) % 2 == 0:
                return end
            end = buffer.rfind(b"\n", at, buffer.rfind(b'"', at, end)) + 1
        return 0

    def _split_plain(self, lines: bytes) -> list[bytes] | None:
        """The fields of lines that are all plainly good records; None if one may not be.

        Where a field has quotes around it, one quote alone takes its place first.
        """
        columns, delimiter = self._fields or 1, self._delimiter
        quoted: list[bytes] = []
        if b'"' in lines:
            lines, quoted = _take_out(lines)
        lines = lines.replace(b"\r\n", b"\n")
        rows = lines.count(b"\n")
        if columns == 1:
            fields = lines.split(b"\n")
            fields.pop()
            if delimiter in lines or b"" in fields:
                return None
        else:
            fields = lines[:-1].replace(b"\n", delimiter + b"\n").split(delimiter)
            # No line has more or fewer fields if each but the first begins with an end of a line.
            first = b"".join(fields[::columns]).split(b"\n")
            if len(fields) != rows * columns or len(first) != rows:
                return None
            fields[::columns] = first
        return _fill_in(fields, quoted)

    def _plain_lines(self, at: int, until: int) -> Generator[Record, None, int]:
        """Records that are plainly good and blank lines, up to what is neither; returns its place.

        None that begins at `until` or behind it is looked at. Where every quote is at the beginning
        or the end of a field, each second one closes it.
        """
        buffer, delimiter, is_utf8 = self._buffer, self._delimiter, self._is_utf8
        find_stray_quote = self._stray_quote.search
        delimiters = self._fields - 1 if self._fields else -1
        while at < until and (end := buffer.find(b"\n", at)) >= 0:
            line, lines = buffer[at:end], 1
            if b'"' in line:
                if line.count(b'"') % 2:
                    end = self._end_of_quoted_lines(at, end)
                    if end < 0:
                        break
                    line = buffer[at:end]
                    lines += line.count(b"\n")
                line = line.removesuffix(b"\r")
                outside = b'"'.join(line.split(b'"')[::2])
                if find_stray_quote(outside):
                    break
            else:
                line = outside = line.removesuffix(b"\r")
            if line:
                if outside.count(delimiter) != delimiters or b"\r" in outside:
                    break
                if not is_utf8 and find_bad_byte(line) is not None:
                    break
                self._check_length(end - at)
                yield Record(self.records, self.lines + 1, line, line)
                self.records += 1
            self.lines += lines
            at = end + 1
        return at

    def _end_of_quoted_lines(self, start: int, end: int) -> int:
        """Where the line ends in which the quote is closed that is open at the end of a line.

        -1 if that is not near.
        """
        buffer, quotes = self._buffer, 1
        while quotes % 2:
            quote = buffer.find(b'"', end, start + _NEAR)
            next_end = buffer.find(b"\n", quote, start + _NEAR)
            if quote < 0 or next_end < 0:
                return -1
            quotes += buffer.count(b'"', quote, next_end)
            end = next_end
        return end

    def _is_cut_line_end(self, at: int) -> bool:
        return not self._ended and self._buffer[at : at + 2] in (b"", b"\r")

    def _judge(self, at: int, scan: _Scan) -> Record:
        self._check_length(scan.end - at)
        raw = self._buffer[at : scan.end]
        record = Record(self.records, self.lines + 1, raw, fields=scan.fields)
        self.records += 1
        self.lines += self._buffer.count(b"\n", at, scan.next)
        self.lines += self._buffer[scan.next - 1 : scan.next] != b"\n"
        bad_byte = None if self._is_utf8 else find_bad_byte(raw)
        if scan.reason_code:
            record.reason_code, record.message = scan.reason_code, scan.message
        elif bad_byte is not None:
            record.reason_code = "bad_bytes"
            record.message = (
                f"not UTF-8: byte 0x{raw[bad_byte]:02X} at byte {bad_byte + 1} of the record"
            )
        elif self._fields not in (None, len(scan.fields)):
            record.reason_code = "wrong_field_count"
            record.message = f"{len(scan.fields)} fields instead of {self._fields}"
        else:
            record.payload = self._delimiter.join(map(self._spell, scan.fields))
        return record

    def _spell(self, field: bytes) -> bytes:
        """A field as RFC 4180 spells it."""
        if self._delimiter in field or _MUST_QUOTE.search(field):
            return b'"' + field.replace(b'"', b'""') + b'"'
        return field

    def _scan(self, start: int) -> _Scan | None:
        """Scan the record that begins at a place; None if more text is needed to tell its end."""
        buffer, fields, at = self._buffer, [], start
        while True:
            if buffer[at : at + 1] == b'"':
                end = self._end_of_quoted(at)
                if end is None:
                    return None
                if end < 0:
                    message = f"the quote of field {len(fields) + 1} is not closed within 1 MiB"
                    return self._first_line(at, "unclosed_quote", message)
                fields.append(buffer[at + 1 : end - 1].replace(b'""', b'"'))
            else:
                end = self._end_of_unquoted(at)
                if end is None:
                    return None
                fields.append(buffer[at:end])
            after = buffer[end : end + 2]
            if after in (b"", b"\r") and not self._ended:
                return None
            if after[:1] == self._delimiter:
                at = end + 1
            elif not after or after[:1] == b"\n" or after == b"\r\n":
                return _Scan(end, end + (2 if after == b"\r\n" else len(after[:1])), fields)
            else:
                message = f"text follows the closing quote of field {len(fields)}"
                return self._first_line(at, "text_after_quote", message)

    def _end_of_quoted(self, opening: int) -> int | None:
        """The place after a field's closing quote; a quote may follow it that is not held yet.

        -1 where it is not closed, None if more text is needed to tell.
        """
        buffer, limit, at = self._buffer, opening + MAX_QUOTE_BYTES, opening + 1
        while (quote := buffer.find(b'"', at, limit + 1)) >= 0:
            if buffer[quote + 1 : quote + 2] != b'"':
                return quote + 1
            at = quote + 2
        return -1 if self._ended or len(buffer) > limit else None

    def _end_of_unquoted(self, at: int) -> int | None:
        """The place after a field without quotes; None if more text is needed to tell."""
        found = self._stop.search(self._buffer, at)
        if found is None:
            return len(self._buffer) if self._ended else None
        end = found.start()
        is_crlf = found.group() == b"\n" and end > at and self._buffer[end - 1 : end] == b"\r"
        return end - 1 if is_crlf else end

    def _first_line(self, quote: int, reason_code: str, message: str) -> _Scan | None:
        """What is left of a record where a quote is not closed: all up to the end of its line."""
        end = self._buffer.find(b"\n", quote)
        if end < 0:
            end = len(self._buffer)
            return _Scan(end, end, [], reason_code, message) if self._ended else None
        is_crlf = self._buffer[end - 1 : end] == b"\r"
        return _Scan(end - is_crlf, end + 1, [], reason_code, message)


def _take_out(lines: bytes) -> tuple[bytes, list[bytes]]:
    """Lines with one quote in place of each text in quotes, and these texts; quotes are paired."""
    parts = lines.split(b'"')
    outside, quoted = parts[::2], parts[1::2]
    if b"" in outside[1:-1]:
        # Where one pair of quotes follows another at once, a quote is part of the text.
        first, *rest = quoted
        between, outside, quoted = outside[1:-1], outside[:1], [first]
        for text, before in zip(rest, between, strict=True):
            if before:
                outside.append(before)
                quoted.append(text)
            else:
                quoted[-1] += b'"' + text
        outside.append(parts[-1])
    return b'"'.join(outside), quoted


def _fill_in(fields: list[bytes], quoted: list[bytes]) -> list[bytes] | None:
    """Put what stood in quotes back into its field; None where that was not all of some field."""
    place = -1
    try:
        for text in quoted:
            place = fields.index(b'"', place + 1)
            fields[place] = text
    except ValueError:
        return None
    return fields


def find_bad_byte(text: bytes, is_whole: bool = True) -> int | None:
    """The place of the first byte that is not UTF-8; a character may be cut at the end of a part.

    Args:
        text: the bytes.
        is_whole: whether nothing comes after them.
    """
    if text.isascii():
        return None
    try:
        codecs.utf_8_decode(text, "strict", is_whole)
    except UnicodeDecodeError as error:
        return error.start
    return None
