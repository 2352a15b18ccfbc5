"""The original text of a record, from the raw file that it was landed from."""

from __future__ import annotations

from dataclasses import dataclass, replace

from casebook.ask.warehouse import Origin
from casebook.errors import Refused
from casebook.lake.layout import Lake
from casebook.load.measure import hash_file, measure
from casebook.readers import sqlite_file
from casebook.readers.base import Raw
from casebook.readers.choose import find_reader
from casebook.settings import Settings
from casebook.sources import read_sources


@dataclass(frozen=True)
class Original:
    """A record's original text, or why it is not to be had.

    Attributes:
        text: the text as it was delivered, or None.
        why: why there is none; empty where there is.
        correction: the text that it was landed from instead, where someone has corrected it.
    """

    text: str | None
    why: str = ""
    correction: str | None = None


def original_text(settings: Settings, origin: Origin) -> Original:
    """Read a record again from its raw file, if that is still the file that was landed.

    Args:
        settings: where the raw files and the lake are.
        origin: where the record is from.

    Returns:
        The record's text; bytes that are not UTF-8 are shown as `\\xNN`. No text where the raw
        file is gone or has changed since it was landed.
    """
    return replace(_delivered(settings, origin), correction=_correction(settings, origin))


def _correction(settings: Settings, origin: Origin) -> str | None:
    lake = Lake(settings.lake)
    entry = lake.read_entry(origin.source_name, origin.table_name, origin.source_file)
    if entry is None or entry.file_hash != origin.file_hash:
        return None
    texts = [
        correction["text"]
        for correction in entry.corrections
        if correction["record"] == origin.source_record and correction["applied"]
    ]
    return texts[0] if texts else None


def _delivered(settings: Settings, origin: Origin) -> Original:
    name, member = origin.source_file, None
    if origin.format == sqlite_file.READER.format:
        name, _, member = name.rpartition("#")
    path = settings.raw / name
    if not path.is_file():
        return Original(None, f"not to be had: {path} is gone")
    try:
        if hash_file(path) != origin.file_hash:
            return Original(None, f"not to be had: {path} has changed since it was landed")
        table = read_sources(settings.project).get(f"{origin.source_name}.{origin.table_name}")
        if table is None:
            return Original(None, "not to be had: its table is not declared any more")
        reader, compression = find_reader(path, table)
        raw = Raw(
            path,
            compression,
            table,
            lambda: measure(path, compression, counter=reader.counter),
            member,
        )
        for number, text in reader.texts(raw):
            if number == origin.source_record:
                return Original(text.decode("utf-8", "backslashreplace"))
    except Refused as refused:
        return Original(None, f"not to be had: {refused}")
    return Original(None, f"not to be had: {path} has no record {origin.source_record}")
