"""Counts a file's text as it comes by in the independent pass over its bytes."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field
from decimal import Decimal

DELIMITERS: tuple[str, ...] = (",", ";", "\t", "|")
MAX_QUOTE_BYTES = 1 << 20
_BLOCK = 1 << 18
_STRUCTURE = b'\n\r"' + "".join(DELIMITERS).encode()
_OTHER = bytes(set(range(256)) - set(_STRUCTURE))
_OTHER_BUT_BLANKS = _OTHER.replace(b" ", b"")
_PAIR = b"\0"
# What a double can round to another whole number: decimals of 15 digits, of which those behind the
# point are all 9 or all 0. As SQL finds them; and from the point on, which is quick to find, where
# eight digits stand before it or seven alike behind, as one or the other must: `.000` ends times.
NEARLY_WHOLE = "0[.]9{15}[0-9]*|[1-9][0-9]{14,}[.][0-9]+|" + "|".join(
    f"[1-9][0-9]{{{n - 1}}}[.](?:9{{{15 - n}}}|0{{{15 - n}}})[0-9]*" for n in range(1, 15)
)
_find_nearly_whole = re.compile(
    b"[.](?:(?<=[0-9]{8}[.])|(?=9{7}|0{7}))(?:(?=99|00)(?:9{15}|%b)|(?<=[0-9]{14}[.])[0-9])"
    % b"|".join(
        b"(?<=[1-9][0-9]{%d}[.])(?:9{%d}|0{%d})" % (n - 1, 15 - n, 15 - n) for n in range(1, 14)
    )
).finditer
_digits, _digits_before = re.compile(rb"[0-9]+").match, re.compile(rb"[0-9]+\Z").search
_TAIL_BYTES = 64


class Counter:
    """Counts the lines of a text that comes in pieces.

    Attributes:
        newlines: line feeds.
        returns: carriage returns.
        last_byte: the last byte that is not white space; empty where there is none.
        is_exact: False where a double rounds a decimal in it to another whole number, as far as
            such were looked for.
    """

    is_exact = True

    def __init__(self) -> None:
        self.newlines = self.returns = self._pairs = 0
        self.last_byte, self._last = b"", b""
        self._open, self._is_first = False, True

    def add(self, piece: bytes | bytearray) -> None:
        """Count one more piece."""
        if self._is_first:
            self._is_first, piece = False, piece.removeprefix(codecs.BOM_UTF8)
        if not piece:
            return
        last = piece.rfind(b"\n")
        self.newlines += piece.count(b"\n")
        if b"\r" in piece:
            self.returns += piece.count(b"\r")
            self._pairs += piece.count(b"\r\n")
        self._pairs += self._last == b"\r" and piece[:1] == b"\n"
        self._last = bytes(piece[-1:])
        self._open = (self._open and last < 0) or bool(piece[last + 1 :].strip(b"\r"))
        tail = piece[-64:].rstrip() or piece.rstrip()
        self.last_byte = bytes(tail[-1:]) or self.last_byte

    @property
    def line_end(self) -> str:
        """What ends a line where quotes mean nothing: CR where there is no LF, else LF."""
        return "\r" if self.returns and not self.newlines else "\n"

    def lines(self, end: str = "\n") -> int:
        """Lines where CR or LF or both end one (`\\r`), or LF alone (else).

        A last one without an end counts, if it is not carriage returns only.
        """
        if end != "\r":
            return self.newlines + self._open
        ends = self.newlines + self.returns - self._pairs
        return ends + (self._last not in (b"", b"\n", b"\r"))


class JsonCounter(Counter):
    """Also looks for decimals that a double rounds to another whole number."""

    _tail = b""

    def add(self, piece: bytes | bytearray) -> None:
        """Count one more piece."""
        super().add(piece)
        if self.is_exact:
            text = self._tail + piece
            found = (match.start() for match in _find_nearly_whole(text))
            self.is_exact = not any(_is_rounded(text, at) for at in found)
            self._tail = text[-_TAIL_BYTES:]


def _is_rounded(text: bytes, at: int) -> bool:
    """Whether a double rounds the decimal with its point at a place to another whole number."""
    before, after = _digits_before(text[max(0, at - 40) : at]), _digits(text, at + 1)
    if not before or not after or text[after.end() : after.end() + 1] in (b"e", b"E"):
        return False
    number = f"{before.group().decode()}.{after.group().decode()}"
    exact, rounded = Decimal(number), float(number)
    return rounded != exact and (rounded.is_integer() or int(rounded) != int(exact))


@dataclass
class Outside:
    """What there is outside quotes: lines, ends of lines, those that are CRLF, each delimiter."""

    lines: int = 0
    ends: int = 0
    returns: int = 0
    delimiters: dict[str, int] = field(default_factory=lambda: dict.fromkeys(DELIMITERS, 0))
    ends_quoted: bool = False


class DelimitedCounter(Counter):
    """Counts ends of lines and delimiters outside quotes; every second quote closes one.

    It looks at blocks of whole lines, of which it keeps only what makes the text's structure.

    Attributes:
        is_plain: False where the text has what DuckDB's reader may take otherwise than it is
            meant: bytes that are not UTF-8, carriage returns within a line, a blank beside a
            field's quotes, or records of about 1 MiB or more. Counting stops there.
    """

    def __init__(self) -> None:
        super().__init__()
        self.is_plain = True
        self._outside, self._rest, self._unended = Outside(), b"", 0

    def add(self, piece: bytes | bytearray) -> None:
        """Count one more piece."""
        super().add(piece)
        if not self.is_plain:
            return
        cut = piece.rfind(b"\n") + 1
        if cut:
            self._add_lines(self._rest + piece[:cut])
            self._rest = b""
        self._rest += piece[cut:]
        self.is_plain = self.is_plain and len(self._rest) <= MAX_QUOTE_BYTES

    def finish(self) -> Outside:
        """What was counted, when all pieces have been added."""
        if self._rest and self.is_plain:
            self._add_block(self._rest)
            self._outside.lines += not self._outside.ends_quoted
            self._rest = b""
        return self._outside

    def _add_lines(self, lines: bytes) -> None:
        at = 0
        while at < len(lines) and self.is_plain:
            end = lines.rfind(b"\n", at, at + _BLOCK) + 1 or lines.find(b"\n", at + _BLOCK) + 1
            self._add_block(lines[at:end])
            at = end

    def _add_block(self, block: bytes) -> None:
        """Count a block of whole lines; a quoted field may go on before and after it."""
        total = self._outside
        self.is_plain = is_utf8(block) and block.count(b"\r") == block.count(b"\r\n")
        if b'"' in block or total.ends_quoted:
            text = self._leave_quoted_out(block)
            self.is_plain = self.is_plain and b' "' not in text and b'" ' not in text
        else:
            text = block.translate(None, _OTHER)
        lines = text.count(b"\n")
        total.lines += lines
        total.ends += lines
        total.returns += text.count(b"\r")
        for delimiter in DELIMITERS:
            total.delimiters[delimiter] += text.count(delimiter.encode())
        self._unended += len(block)
        self.is_plain = self.is_plain and self._unended <= MAX_QUOTE_BYTES
        self._unended = len(block) if lines else self._unended

    def _leave_quoted_out(self, block: bytes) -> bytes:
        """A block's structure and blanks outside quotes, with a mark wherever quotes stood."""
        # Pairs with nothing between them change nothing for what is outside.
        structure = block.translate(None, _OTHER_BUT_BLANKS).replace(b'""', _PAIR)
        parts = structure.split(b'"')
        begins_quoted = self._outside.ends_quoted
        ends_quoted = self._outside.ends_quoted = begins_quoted ^ (len(parts) % 2 == 0)
        outside = b'"'.join(parts[begins_quoted::2]).replace(_PAIR, b'"')
        return b'"' * begins_quoted + outside + b'"' * ends_quoted


class NoText(Counter):
    """Counts nothing: the file is no text."""

    def add(self, piece: bytes | bytearray) -> None:
        """Let the piece pass."""


def is_utf8(text: bytes) -> bool:
    """Whether all of it is UTF-8."""
    try:
        return text.isascii() or text.decode("utf-8") is not None
    except UnicodeDecodeError:
        return False
