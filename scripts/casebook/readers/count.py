"""Counts a file's text as it comes by in the independent pass over its bytes."""

from __future__ import annotations

import codecs
import re
from decimal import Decimal

# What a double can round to another whole number: decimals of 15 digits, of which those behind the
# point are all 9 or all 0. As SQL finds them; and from the point on, which is quick to find.
NEARLY_WHOLE = "0[.]9{15}[0-9]*|[1-9][0-9]{14,}[.][0-9]+|" + "|".join(
    f"[1-9][0-9]{{{n - 1}}}[.](?:9{{{15 - n}}}|0{{{15 - n}}})[0-9]*" for n in range(1, 15)
)
_nearly_whole = re.compile(
    b"[.](?:(?=99|00)(?:9{15}|%b)|(?<=[0-9]{14}[.])[0-9])"
    % b"|".join(
        b"(?<=[1-9][0-9]{%d}[.])(?:9{%d}|0{%d})" % (n - 1, 15 - n, 15 - n) for n in range(1, 14)
    )
)
_digits, _digits_before = re.compile(rb"[0-9]+").match, re.compile(rb"[0-9]+\Z").search
_TAIL_BYTES = 64


class Counter:
    """Counts the lines of a text that comes in pieces.

    Attributes:
        newlines: line feeds.
        returns: carriage returns.
        pairs: carriage returns that a line feed follows.
        has_nul: whether there is a NUL.
        last_byte: the last byte that is not white space; empty where there is none.
        longest: no line, of those that end in a line feed, has more bytes than this.
        longest_line: the 1-based number of the line that may have so many.
        has_rounded: whether a double rounds a decimal in it to another whole number, as far as
            such were looked for.
    """

    has_rounded = False

    def __init__(self) -> None:
        self.newlines = self.returns = self.pairs = 0
        self.last_byte, self._last = b"", b""
        self.has_nul, self._open, self._is_first = False, False, True
        self.longest, self.longest_line, self._since = 0, 1, 0

    def add(self, piece: bytes | bytearray) -> None:
        """Count one more piece."""
        if self._is_first:
            self._is_first, piece = False, piece.removeprefix(codecs.BOM_UTF8)
        if not piece:
            return
        first, last = piece.find(b"\n"), piece.rfind(b"\n")
        line = self._since + (len(piece) if first < 0 else first)
        if line > self.longest:
            self.longest, self.longest_line = line, self.newlines + 1
        if last > first:
            self.longest = max(self.longest, len(piece))
        self._since = line if first < 0 else len(piece) - last - 1
        self.newlines += piece.count(b"\n")
        self.has_nul = self.has_nul or b"\0" in piece
        if b"\r" in piece:
            self.returns += piece.count(b"\r")
            self.pairs += piece.count(b"\r\n")
        self.pairs += self._last == b"\r" and piece[:1] == b"\n"
        self._last = bytes(piece[-1:])
        self._open = (self._open and first < 0) or bool(piece[last + 1 :].strip(b"\r"))
        tail = piece[-64:].rstrip() or piece.rstrip()
        self.last_byte = bytes(tail[-1:]) or self.last_byte

    @property
    def lines(self) -> int:
        """Lines that end in a line feed; a last one without counts, if it is not returns only."""
        return self.newlines + self._open

    @property
    def line_end(self) -> str | None:
        """What ends every line: LF, CRLF or CR; None where they are mixed, or others stand within.

        A text without any has LF.
        """
        if not self.returns:
            return "\n"
        if self.returns == self.pairs == self.newlines:
            return "\r\n"
        return None if self.newlines else "\r"

    def lines_by(self, end: str) -> int:
        """Lines where CR or LF or both end one (`\\r`), or LF alone (else)."""
        if end != "\r":
            return self.lines
        ends = self.newlines + self.returns - self.pairs
        return ends + (self._last not in (b"", b"\n", b"\r"))


class JsonCounter(Counter):
    """Also looks for decimals that a double rounds to another whole number."""

    _tail = b""

    def add(self, piece: bytes | bytearray) -> None:
        """Count one more piece."""
        super().add(piece)
        if not self.has_rounded:
            text = self._tail + piece
            found = (match.start() for match in _nearly_whole.finditer(text))
            self.has_rounded = any(_is_rounded(text, at) for at in found)
            self._tail = text[-_TAIL_BYTES:]


def _is_rounded(text: bytes, at: int) -> bool:
    """Whether a double rounds the decimal with its point at a place to another whole number."""
    before, after = _digits_before(text[max(0, at - 40) : at]), _digits(text, at + 1)
    if not before or not after or text[after.end() : after.end() + 1] in (b"e", b"E"):
        return False
    number = f"{before.group().decode()}.{after.group().decode()}"
    exact, rounded = Decimal(number), float(number)
    return rounded != exact and (rounded.is_integer() or int(rounded) != int(exact))


class NoText(Counter):
    """Counts nothing: the file is no text."""

    def add(self, piece: bytes | bytearray) -> None:
        """Let the piece pass."""
