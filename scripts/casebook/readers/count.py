"""Counts a file's text as it comes by in the independent pass over its bytes."""

from __future__ import annotations

import codecs
import re

# A decimal of more significant digits than a double keeps, as SQL finds it.
LONG_DECIMAL = "0[.]0*[1-9][0-9]{17,}|[1-9][0-9]{16,}[.][0-9]+|" + "|".join(
    f"[1-9][0-9]{{{digits - 1}}}[.][0-9]{{{18 - digits},}}" for digits in range(1, 17)
)
# The same from its point on. Of 18 digits, 5 stand behind the point, or 14 before it, which is much
# quicker to find; so are 18 digits in a row, with the points left out.
_FROM_POINT = b"|".join(
    b"(?<=[1-9][0-9]{%d}[.])[0-9]{%d}" % (digits - 1, 18 - digits) for digits in range(1, 18)
)
_find_long_decimal = re.compile(b"[.](?:0*[1-9][0-9]{17}|%b)" % _FROM_POINT).search
_DIGITS = bytes.maketrans(b"123456789", b"000000000")
_LONG_FRACTION, _LONG_WHOLE, _LONG = b".00000", b"00000000000000.", b"0" * 18
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
        has_long_decimals: whether there is a decimal of more than 17 significant digits, as far
            as they were looked for.
    """

    has_long_decimals = False

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
    """Also looks for decimals of more digits than a double keeps."""

    _tail = b""

    def add(self, piece: bytes | bytearray) -> None:
        """Count one more piece."""
        super().add(piece)
        if not self.has_long_decimals:
            text = self._tail + piece
            shape = text.translate(_DIGITS)
            may_be = _LONG_FRACTION in shape or _LONG_WHOLE in shape
            if may_be and _LONG in shape.replace(b".", b""):
                self.has_long_decimals = _find_long_decimal(text) is not None
            self._tail = text[-_TAIL_BYTES:]


class NoText(Counter):
    """Counts nothing: the file is no text."""

    def add(self, piece: bytes | bytearray) -> None:
        """Let the piece pass."""
