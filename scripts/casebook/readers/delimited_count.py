"""Counts what delimited text holds, in the independent pass: apart from whoever splits it."""

from __future__ import annotations

from dataclasses import dataclass, field

from casebook.readers.count import Counter
from casebook.readers.header import DELIMITERS
from casebook.readers.rows import is_utf8
from casebook.readers.split import MAX_QUOTE_BYTES

_BLOCK = 1 << 18
_STRUCTURE = b'\n\r"' + "".join(DELIMITERS).encode()
_OTHER = bytes(set(range(256)) - set(_STRUCTURE))
_OTHER_BUT_BLANKS = _OTHER.replace(b" ", b"")
_PAIR = b"\0"


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
        quotes: double quotes.
        is_plain: False where the text has what DuckDB's reader may take otherwise than it is
            meant: bytes that are not UTF-8, carriage returns within a line, a blank beside a
            field's quotes, or records of about 1 MiB or more. Counting stops there.
    """

    def __init__(self) -> None:
        super().__init__()
        self.is_plain = True
        self.quotes = 0
        self._outside, self._rest, self._unended = Outside(), b"", 0

    def add(self, piece: bytes | bytearray) -> None:
        """Count one more piece."""
        super().add(piece)
        self.quotes += piece.count(b'"')
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
        self.is_plain = is_utf8(block) and not _has_lone_return(block)
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
        """A block's structure and blanks outside quotes, with a mark wherever quotes stood.

        Where blanks touch a mark, a blank stood beside a field's quotes: any other text there
        would not be read by DuckDB, or is a stray quote. Pairs of quotes with nothing between them
        change nothing for what is outside, and are quick to replace.
        """
        structure = block.translate(None, _OTHER_BUT_BLANKS).replace(b'""', _PAIR)
        parts = structure.split(b'"')
        begins_quoted = self._outside.ends_quoted
        ends_quoted = self._outside.ends_quoted = begins_quoted ^ (len(parts) % 2 == 0)
        outside = b'"'.join(parts[begins_quoted::2]).replace(_PAIR, b'"')
        return b'"' * begins_quoted + outside + b'"' * ends_quoted


def _has_lone_return(block: bytes) -> bool:
    return b"\r" in block and block.count(b"\r") != block.count(b"\r\n")
