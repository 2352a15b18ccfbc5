"""Which reader reads a raw file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from casebook.errors import Refused
from casebook.readers import delimited, json_files, parquet_file, sqlite_file, workbook, xml_rows
from casebook.readers.archives import COMPRESSIONS, UNREADABLE, looks_like, open_utf8, refused
from casebook.readers.base import Raw, Reader, Reading, Workspace
from casebook.readers.json_split import first_byte

if TYPE_CHECKING:
    from casebook.sources import Table

READERS = {
    **dict.fromkeys((".jsonl", ".ndjson", ".json"), json_files.LINES),
    **dict.fromkeys((".csv", ".tsv", ".txt"), delimited.READER),
    ".parquet": parquet_file.READER,
    ".xml": xml_rows.READER,
    ".xlsx": workbook.READER,
    **dict.fromkeys(sqlite_file.EXTENSIONS, sqlite_file.READER),
}
NOT_IN_ARCHIVES = (parquet_file.READER, sqlite_file.READER, workbook.READER)
FORMATS = {r.format: r for r in (*READERS.values(), json_files.ARRAY, json_files.OBJECTS)}


def find_reader(path: Path, table: Table | None = None) -> tuple[Reader, str | None]:
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
    if extension == ".json":
        reader = _reader_of_json(path, compression, table)
    return reader, compression


def read(reader: Reader, raw: Raw, workspace: Workspace) -> Reading:
    """Land a file by its reader; a refusal says which other format it looks like.

    Raises:
        Refused: as `Reader.read`; also if none of its records can be read, and it looks like
            another format.
    """
    try:
        reading = reader.read(raw, workspace)
    except Refused as refusal:
        if other := _other_format(reader, raw):
            cause = refusal.__cause__ or refusal
            raise Refused(f"it looks like {other}, and {refusal}") from cause
        raise
    is_told_by_header = "header" in reading.layout
    if reading.landed or not reading.records or is_told_by_header:
        return reading
    if other := _other_format(reader, raw):
        raise Refused(f"none of its {reading.records:,} records can be read; it looks like {other}")
    return reading


def _other_format(reader: Reader, raw: Raw) -> str | None:
    found = None if raw.table.encoding else looks_like(raw.path, raw.compression)
    return None if found in (reader.looks, "UTF-16 text") else found


def reader_of(name: str) -> Reader:
    """The reader of a format, by its name in the ledger; Refused if there is none."""
    if name not in FORMATS:
        raise Refused(f"no reader reads the format {name}")
    return FORMATS[name]


def _reader_of_json(path: Path, compression: str | None, table: Table | None) -> Reader:
    try:
        with open_utf8(path, compression, table.encoding if table else None) as text:
            first, are_objects = first_byte(text)
    except UNREADABLE as error:
        raise refused(error) from error
    if first == b"[":
        return json_files.ARRAY
    is_wrapped = first == b"{" and table is not None and table.records_at is not None
    return json_files.OBJECTS if is_wrapped or are_objects else json_files.LINES
