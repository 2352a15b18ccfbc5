"""JSON lines: one object a line; blank lines count for nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from casebook.errors import Refused
from casebook.readers.archives import open_text
from casebook.readers.base import MAX_RECORD_BYTES, Raw, Reader, Reading, Workspace
from casebook.readers.json_judge import Record
from casebook.readers.json_land import (
    SMALL_FILE,
    count_empty_rows,
    find_keys,
    land_again,
    land_at_once,
    land_one_by_one,
)

_FORM = "newline_delimited"
_BOM = b"\xef\xbb\xbf"
_BLOCK_BYTES = 1 << 16


@dataclass
class _Lines:
    """The lines of a file that are not blank.

    Attributes:
        total: lines seen so far, blank ones too.
        blank: blank ones among them.
    """

    path: Path
    compression: str | None
    total: int = 0
    blank: int = 0

    def __iter__(self) -> Iterator[Record]:
        self.total = self.blank = 0
        with open_text(self.path, self.compression) as text:
            while line := text.readline(MAX_RECORD_BYTES + 1):
                self.total += 1
                _check_length(len(line), self.total)
                if self.total == 1:
                    line = line.removeprefix(_BOM)
                if line.isspace() or not line:
                    self.blank += 1
                else:
                    yield Record(self.total - self.blank, self.total, line)


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


def read(raw: Raw, workspace: Workspace) -> Reading:
    """Land a file of JSON lines.

    DuckDB reads it at once, if the rows landed are as many as the lines that an independent pass
    counted, less the blank ones. If not, or if DuckDB cannot read it, each line is judged by
    itself; then the lines landed, quarantined and blank must be as many as that pass counted.

    Raises:
        Refused: if no record has a required column, or a line is too long.
    """
    keys = find_keys(raw, workspace, _FORM, _Lines(raw.path, raw.compression))
    landed = land_at_once(raw, workspace, _FORM, keys)
    lines = raw.measured().text.lines
    if landed is not None and _is_whole(raw, workspace, landed, lines):
        return Reading(landed, landed, keys.ignored)
    records = _Lines(raw.path, raw.compression)
    landed = land_one_by_one(workspace, records, keys)
    return Reading(lines - records.blank, landed, keys.ignored)


def _is_whole(raw: Raw, workspace: Workspace, landed: int, lines: int) -> bool:
    """Whether DuckDB landed every line that is not blank, and none that is not an object.

    Numbers of rows tell that of most large files; else, the lines are looked at.
    """
    is_large = raw.measured().size_bytes >= SMALL_FILE
    if is_large and landed == lines and not count_empty_rows(raw, workspace):
        return True
    blank = nulls = 0
    with open_text(raw.path, raw.compression) as text:
        for line in text:
            content = line.strip()
            blank += not content
            nulls += content == b"null"
    return landed == lines - blank and not nulls


def texts(raw: Raw) -> Iterator[tuple[int, bytes]]:
    """The number and the bytes of each line that is not blank."""
    for record in _Lines(raw.path, raw.compression):
        yield record.number, record.raw.rstrip(b"\r\n")


READER = Reader("json_lines", read, texts, land_again)
