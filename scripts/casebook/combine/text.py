"""What `casebook combine` makes of a raw file, and texts cut at ends of lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from casebook.errors import Refused
from casebook.readers.base import MAX_RECORD_BYTES

_BLOCK = 1 << 16


@dataclass(frozen=True)
class Good:
    """How many records, and these as lines of JSON."""

    records: int
    lines: bytes


@dataclass(frozen=True)
class Bad:
    """A record that cannot be read: its number and first line from 1, its bytes, and why."""

    number: int
    first_line: int
    raw: bytes
    reason_code: str
    message: str


@dataclass
class Converted:
    """What became of a file: its records, their text's size and CRC-32, or why it failed.

    `record` is the number of the record that it failed at, if it was one.
    """

    records: int = 0
    rejected: int = 0
    text_bytes: int = 0
    crc: int = 0
    failure: str | None = None
    record: int | None = None


def line_blocks(text: BinaryIO) -> Iterator[bytes]:
    """A text in blocks that end where lines do, in LF, CRLF or CR.

    Raises:
        Refused: if a line is longer than a record may be.
    """
    rest = b""
    while piece := text.read(max(_BLOCK, len(rest))):
        rest += piece
        # A CR that is last may be half of a CRLF.
        end = rest.rfind(b"\n") + 1 or rest.rfind(b"\r", 0, -1) + 1
        if end:
            yield rest[:end]
            rest = rest[end:]
        if len(rest) > MAX_RECORD_BYTES:
            raise Refused(f"a line is longer than a record may be, {MAX_RECORD_BYTES >> 20} MiB")
    yield rest


def find_bad_byte(raw: bytes) -> str:
    """Where bytes are not UTF-8, for people; empty if they are."""
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        at = error.start
        return f"not UTF-8: byte 0x{raw[at]:02X} at byte {at + 1} of the record"
    return ""
