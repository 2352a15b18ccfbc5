"""Counts a file's text as it comes by in the independent pass over its bytes."""

from __future__ import annotations


class Counter:
    """Counts the lines of a text that comes in pieces.

    Attributes:
        lines: lines so far; a last one without a newline counts.
        last_byte: the last byte that is not white space; empty where there is none.
    """

    def __init__(self) -> None:
        self.newlines, self.last_byte, self._open = 0, b"", False

    def add(self, piece: bytes | bytearray) -> None:
        """Count one more piece."""
        if not piece:
            return
        self.newlines += piece.count(b"\n")
        self._open = piece[-1] != 0x0A
        tail = piece[-64:].rstrip() or piece.rstrip()
        self.last_byte = bytes(tail[-1:]) or self.last_byte

    @property
    def lines(self) -> int:
        return self.newlines + self._open
