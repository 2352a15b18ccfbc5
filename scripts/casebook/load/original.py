"""Raw records as people see them: their original text, and those that are in quarantine."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from casebook.errors import CasebookError, Refused
from casebook.lake.layout import REJECTED, Lake
from casebook.lake.ledger import LedgerEntry
from casebook.load.discover import find_files
from casebook.load.measure import hash_file, measure
from casebook.readers.base import Raw
from casebook.readers.choose import find_reader
from casebook.settings import Settings
from casebook.sources import read_sources
from casebook.sql import MEMORY_LIMIT, quote_text

if TYPE_CHECKING:
    from casebook.ask.trace import Origin


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
    key = (origin.source_name, origin.table_name, origin.source_file)
    entry, correction = Lake(settings.lake).read_entry(*key), None
    for one in entry.corrections if entry and entry.file_hash == origin.file_hash else ():
        if one["record"] == origin.source_record and one["applied"]:
            correction = one["text"]
    try:
        return Original(_text(settings, origin), "", correction)
    except Refused as refused:
        return Original(None, f"not to be had: {refused}", correction)


def _text(settings: Settings, origin: Origin) -> str:
    """The text of a record; Refused if it is not to be had."""
    shown = settings.raw / origin.source_file
    table = read_sources(settings.project).get(f"{origin.source_name}.{origin.table_name}")
    if table is None:
        raise Refused("its table is not declared any more")
    found = find_files(settings.raw, [table], whole=False).files if settings.raw.is_dir() else []
    file = next((file for file in found if file.source_file == origin.source_file), None)
    if file is None:
        raise Refused(f"{shown} is gone")
    with tempfile.TemporaryDirectory() as folder:
        path = file.delivered(Path(folder))
        if hash_file(path) != origin.file_hash:
            raise Refused(f"{shown} has changed since it was landed")
        reader, packed = find_reader(path, table)
        measured = partial(measure, path, packed, counter=reader.counter)
        for number, text in reader.texts(Raw(path, packed, table, measured, file.member)):
            if number == origin.source_record:
                return text.decode("utf-8", "backslashreplace")
    raise Refused(f"{shown} has no record {origin.source_record}")


def in_quarantine(
    lake: Lake, tables: Collection[str], file: str | None = None
) -> Iterator[tuple[str, str, int, int, str, str]]:
    """Every quarantined record, in file order.

    Args:
        lake: the lake.
        tables: the tables to look at, each `SOURCE.TABLE`.
        file: the raw file to look at; all of them by default.

    Yields:
        Source file, table, record number, first line, reason with its code, raw text.

    Raises:
        CasebookError: if a ledger entry or a quarantine file is missing or damaged.
    """
    start = len(f"{lake.root / REJECTED}/") + 1
    table = f"array_to_string(string_split(substr(filename, {start}), '/')[:2], '.')"
    query = f"""
        select
            source_file, {table}, record, first_line, reason_code || ': ' || message, raw_text
        from quarantined
    """
    return _ask(query, _quarantined(lake, tables, file))


def count_quarantine(
    lake: Lake, tables: Collection[str], file: str | None = None
) -> list[tuple[str, str, str, int, float, str]]:
    """How many records are in quarantine, by raw file and reason code, in file order.

    Arguments and errors are those of `in_quarantine`.

    Returns:
        Rows as `casebook.ask.warehouse.rejects` gives them: source file, stage, reason code, number
        of records, their share of the file's from 0 to 1, and the message of the first of them.
    """
    files = _quarantined(lake, tables, file)
    query = """
        select filename, reason_code, count(*), arg_min(message, record)
        from quarantined group by all order by count(*) desc, reason_code
    """
    place = {name: n for n, name in enumerate(files)}
    found = sorted(_ask(query, files), key=lambda row: place[row[0]])
    return [
        (files[name].source_file, "quarantined", code, count, count / files[name].records, first)
        for name, code, count, first in found
    ]


def _quarantined(lake: Lake, tables: Collection[str], file: str | None) -> dict[str, LedgerEntry]:
    """Entries by their quarantine files, in file order."""
    return {
        str(lake.root / entry.rejected_file): entry
        for entry in lake.entries()
        if entry.rejected_file and entry.full_table_name in tables
        if file in (None, entry.source_file)
    }


def _ask(query: str, files: Collection[str]) -> Iterator[tuple[Any, ...]]:
    """The rows of a query over quarantine files, as `quarantined`."""
    import duckdb

    if not files:
        return
    paths = ", ".join(map(quote_text, files))
    try:
        with duckdb.connect(
            config={"memory_limit": MEMORY_LIMIT, "temp_directory": ""}
        ) as connection:
            found = connection.execute(
                f"with quarantined as (from read_parquet([{paths}], filename = true)) {query}"
            )
            while row := found.fetchone():
                yield row
    except duckdb.Error as error:
        raise CasebookError(
            f"the quarantine cannot be read: {error}",
            fix="delete the file: the next `casebook load` lands its raw file again",
        ) from error


def export_quarantine(lake: Lake, tables: Collection[str], path: Path) -> int:
    """Write quarantined records as JSON lines, to be corrected by hand; returns how many.

    Args:
        lake: the lake.
        tables: the tables to look at, each `SOURCE.TABLE`.
        path: the file to write; it must not exist, as corrections may stand in it.

    Raises:
        CasebookError: if the file exists or cannot be written, or the quarantine cannot be read.
    """
    count = 0
    names = ("source_file", "table", "record", "first_line", "reason", "text")
    try:
        with path.open("x", encoding="utf-8") as file:
            for row in in_quarantine(lake, tables):
                content = dict(zip(names, row, strict=True))
                file.write(json.dumps(content, ensure_ascii=False) + "\n")
                count += 1
    except FileExistsError as error:
        reason = "this file is there already, perhaps with corrections in it"
        fix = "name another file, or delete this one"
        raise CasebookError(reason, file=path, fix=fix) from error
    except OSError as error:
        raise CasebookError(f"cannot be written: {error.strerror}", file=path) from error
    return count
