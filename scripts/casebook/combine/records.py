"""The records of one raw file, as they go into an output or to the rejects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from casebook.readers.split import SMALL_BLOCK, Piece, Splitter

# With which a line of rejects begins.
REJECT_START = b'{"source_file": '


@dataclass(frozen=True)
class Good:
    """How many records, and these as lines of JSON."""

    records: int
    lines: bytes


@dataclass(frozen=True)
class Bad:
    """A record that cannot be read: its number and first line, from 1, its bytes, and why."""

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


def split(text: BinaryIO, delimiter: str | None, line_end: str) -> Iterator[Piece]:
    """The pieces of a text, small ones to spare memory; see `Splitter`."""
    return Splitter(delimiter, line_end).split(text, SMALL_BLOCK)


def find_bad_byte(raw: bytes) -> str:
    """Where bytes are not UTF-8, for people; empty if they are."""
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        at = error.start
        return f"not UTF-8: byte 0x{raw[at]:02X} at byte {at + 1} of the record"
    return ""
