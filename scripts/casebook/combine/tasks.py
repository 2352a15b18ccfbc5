"""What is asked of whoever converts a raw file, and what they answer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Part:
    """A part, in a file of its own.

    Attributes:
        path: the file.
        text_bytes: bytes of its text.
        crc: the CRC-32 of that.
    """

    path: Path
    text_bytes: int
    crc: int


@dataclass(frozen=True)
class Task:
    """A raw file to convert.

    Attributes:
        number: which of all files it is.
        path: the file.
        source_file: its path below the raw folder, with `/`.
        folder: an empty folder for what is made of it.
        skip_bad: whether bad records are put aside; if not, the first one stops the file.
    """

    number: int
    path: Path
    source_file: str
    folder: Path
    skip_bad: bool


@dataclass(frozen=True)
class Done:
    """What became of a raw file.

    Attributes:
        number: the task's.
        records: good records.
        rejected: bad ones.
        part: the good ones, compressed; None where the file failed.
        rejects: the bad ones as JSON lines; None where there are none, or the file failed.
        failure: why it failed, else None.
        record: the number of the record that it failed at, if it was one.
    """

    number: int
    records: int = 0
    rejected: int = 0
    part: Part | None = None
    rejects: Path | None = None
    failure: str | None = None
    record: int | None = None
