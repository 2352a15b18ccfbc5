"""Blocks of JSON lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from casebook.combine.legacy_judge import Record
from casebook.errors import Refused
from casebook.readers.archives import open_text
from casebook.readers.base import MAX_RECORD_BYTES

_BOM = b"\xef\xbb\xbf"
_BLOCK_BYTES = 1 << 16


@dataclass(frozen=True)
class Block:
    """Whole lines that follow each other.

    Attributes:
        text: the lines.
        first_line: the 1-based number of the first of them in the file.
        first_record: the 1-based number of the first record among them.
        texts: the records, without blanks around them.
    """

    text: bytes
    first_line: int
    first_record: int
    texts: list[bytes]

    def records(self) -> Iterator[Record]:
        """The records, as `_Lines` gives them."""
        number = count(self.first_record)
        for place, line in enumerate(self.text.split(b"\n")):
            if line.strip():
                yield Record(next(number), self.first_line + place, line)


def blocks(path: Path, compression: str | None) -> Iterator[Block]:
    """A file's lines, many at a time, in bounded memory.

    Raises:
        Refused: if a line is too long.
    """
    first_line = first_record = 1
    with open_text(path, compression) as file:
        while text := file.read(_BLOCK_BYTES):
            if not text.endswith(b"\n"):
                text += file.readline(MAX_RECORD_BYTES + 1)
            if first_line == 1:
                text = text.removeprefix(_BOM)
            newlines = text.count(b"\n")
            last = text.rfind(b"\n", 0, -1) + 1
            _check_length(len(text) - last, first_line + text.count(b"\n", 0, last))
            block = Block(text, first_line, first_record, _texts(text))
            yield block
            first_line += newlines
            first_record += len(block.texts)


def _texts(lines: bytes) -> list[bytes]:
    return [text for text in map(bytes.strip, lines.split(b"\n")) if text]


def _check_length(length: int, line: int) -> None:
    if length > MAX_RECORD_BYTES:
        raise Refused(
            f"line {line} is longer than {MAX_RECORD_BYTES >> 20} MiB, the most that one record may"
            " have"
        )
