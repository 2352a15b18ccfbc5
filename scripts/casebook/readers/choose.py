"""Which reader reads a raw file."""

from __future__ import annotations

from pathlib import Path

from casebook.errors import Refused
from casebook.readers import delimited, json_array, json_lines, parquet_file, sqlite_file
from casebook.readers.archives import COMPRESSIONS, UNREADABLE, open_text, refused
from casebook.readers.base import Reader

READERS = {
    ".jsonl": json_lines.READER,
    ".ndjson": json_lines.READER,
    ".json": json_lines.READER,
    **dict.fromkeys((".csv", ".tsv", ".txt"), delimited.READER),
    ".parquet": parquet_file.READER,
    **dict.fromkeys(sqlite_file.EXTENSIONS, sqlite_file.READER),
}
NOT_IN_ARCHIVES = (parquet_file.READER, sqlite_file.READER)
FORMATS = {reader.format: reader for reader in (*READERS.values(), json_array.READER)}


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
    if compression and reader in NOT_IN_ARCHIVES:
        raise Refused(f"a {extension} file is not read from an archive; deliver it unpacked")
    if extension == ".json" and _starts_with_bracket(path, compression):
        reader = json_array.READER
    return reader, compression


def reader_of(name: str) -> Reader:
    """The reader of a format, by its name in the ledger.

    Raises:
        Refused: if no reader reads that format.
    """
    if name not in FORMATS:
        raise Refused(f"no reader reads the format {name}")
    return FORMATS[name]


def _starts_with_bracket(path: Path, compression: str | None) -> bool:
    try:
        with open_text(path, compression) as text:
            start = text.read(3).removeprefix(b"\xef\xbb\xbf").lstrip()
            while not start and (more := text.read(4096)):
                start = more.lstrip()
    except UNREADABLE as error:
        raise refused(error) from error
    return start.startswith(b"[")
