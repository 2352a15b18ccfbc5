"""Which reader reads a raw file."""

from __future__ import annotations

from pathlib import Path

from casebook.archives import COMPRESSIONS, UNREADABLE, open_text, refused
from casebook.readers import json_array, json_lines
from casebook.readers.base import Reader, Refused

READERS = {".jsonl": json_lines.READER, ".ndjson": json_lines.READER, ".json": json_lines.READER}


def find_reader(path: Path) -> tuple[Reader, str | None]:
    """The reader for a raw file and its compression, by extension; for `.json` by content too.

    Raises:
        Refused: if no reader reads such a file, or the file cannot be opened.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    compression = COMPRESSIONS.get(suffixes[-1]) if suffixes else None
    if compression:
        suffixes.pop()
    extension = suffixes[-1] if suffixes else ""
    reader = READERS.get(extension)
    if reader is None:
        raise Refused(f"no reader for {extension or 'a file without an extension'}")
    if extension == ".json" and _starts_with_bracket(path, compression):
        reader = json_array.READER
    return reader, compression


def _starts_with_bracket(path: Path, compression: str | None) -> bool:
    try:
        with open_text(path, compression) as text:
            start = text.read(3).removeprefix(b"\xef\xbb\xbf").lstrip()
            while not start and (more := text.read(4096)):
                start = more.lstrip()
    except UNREADABLE as error:
        raise refused(error) from error
    return start.startswith(b"[")
