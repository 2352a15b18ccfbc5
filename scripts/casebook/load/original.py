"""Raw records as people see them: their original text, and quarantined ones to be corrected."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from casebook.errors import CasebookError, Refused
from casebook.lake.layout import Lake
from casebook.lake.ledger import LedgerEntry
from casebook.lake.quarantine import Quarantined, read_quarantine
from casebook.load import zipped
from casebook.load.discover import delivered_table
from casebook.load.measure import hash_file, measure
from casebook.readers import sqlite_file
from casebook.readers.base import Raw
from casebook.readers.choose import find_reader
from casebook.settings import Settings
from casebook.sources import Table, read_sources
from casebook.sql import MEMORY_LIMIT, quote_text


class Origin(Protocol):
    """Where a record is from: raw file, record number, and how the ledger has that file."""

    @property
    def source_file(self) -> str: ...
    @property
    def source_record(self) -> int: ...
    @property
    def file_hash(self) -> str: ...
    @property
    def source_name(self) -> str: ...
    @property
    def table_name(self) -> str: ...
    @property
    def format(self) -> str: ...


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
    table = read_sources(settings.project).get(f"{origin.source_name}.{origin.table_name}")
    if table is None:
        return Original(None, "not to be had: its table is not declared any more")
    with tempfile.TemporaryDirectory() as folder:
        try:
            return Original(_text(settings, origin, table, Path(folder)))
        except Refused as refused:
            return Original(None, f"not to be had: {refused}")


def _text(settings: Settings, origin: Origin, table: Table, folder: Path) -> str:
    """The text of a record.

    Raises:
        Refused: if it is not to be had.
    """
    path, member = settings.raw / origin.source_file, None
    name, _, _ = origin.source_file.rpartition("#")
    if origin.format == sqlite_file.READER.format:
        path = settings.raw / name
        if path.is_file():
            member = delivered_table(sqlite_file.table_names(path), table)
    elif not path.exists() and (end := origin.source_file.lower().find(".zip#") + 4) > 3:
        name, inner = origin.source_file[:end], origin.source_file[end + 1 :]
        path = settings.raw / name
        members = zipped.members(path) if path.is_file() else []
        for archived in members:
            if archived.filename == inner:
                path = zipped.unpack(path, archived, folder)
    if not path.is_file():
        raise Refused(f"{path} is gone")
    if hash_file(path) != origin.file_hash:
        raise Refused(f"{settings.raw / origin.source_file} has changed since it was landed")
    reader, compression = find_reader(path, table)
    raw = Raw(
        path, compression, table, lambda: measure(path, compression, counter=reader.counter), member
    )
    for number, text in reader.texts(raw):
        if number == origin.source_record:
            return text.decode("utf-8", "backslashreplace")
    raise Refused(f"{path} has no record {origin.source_record}")


def export_quarantine(lake: Lake, tables: Iterable[str], path: Path) -> int:
    """Write quarantined records as JSON lines, to be corrected by hand.

    Args:
        lake: the lake.
        tables: the tables to look at, each `SOURCE.TABLE`.
        path: the file to write; it must not exist, as corrections may stand in it.

    Returns:
        The number of records.

    Raises:
        CasebookError: if the file exists or cannot be written.
    """
    count = 0
    try:
        with path.open("x", encoding="utf-8") as file:
            for entry, row in all_in_quarantine(lake, tables):
                content = {
                    "source_file": entry.source_file,
                    "table": entry.full_table_name,
                    "record": row.record,
                    "first_line": row.first_line,
                    "reason": row.reason,
                    "text": row.text,
                }
                file.write(json.dumps(content, ensure_ascii=False) + "\n")
                count += 1
    except FileExistsError as error:
        raise CasebookError(
            "this file is there already, perhaps with corrections in it",
            file=path,
            fix="name another file, or delete this one",
        ) from error
    except OSError as error:
        raise CasebookError(f"cannot be written: {error.strerror}", file=path) from error
    return count


def all_in_quarantine(
    lake: Lake, tables: Iterable[str]
) -> Iterator[tuple[LedgerEntry, Quarantined]]:
    """Every quarantined record of some tables, each `SOURCE.TABLE`, in file order.

    Raises:
        CasebookError: if a quarantine file is missing or damaged.
    """
    import duckdb

    names = set(tables)
    with duckdb.connect(config={"memory_limit": MEMORY_LIMIT, "temp_directory": ""}) as connection:
        for entry in lake.entries():
            if entry.rejected_file and entry.full_table_name in names:
                path = lake.root / entry.rejected_file
                try:
                    for row in read_quarantine(connection, path):
                        yield entry, row
                except duckdb.Error as error:
                    raise _unreadable(path, error) from error


@dataclass(frozen=True)
class BadRecords:
    """Records of one raw file that are in quarantine for one kind of reason.

    Attributes:
        source_file: the raw file.
        reason_code: the kind of reason.
        records: how many there are.
        share: which share of the file's records they are, from 0 to 1.
        example: the message of the first of them.
    """

    source_file: str
    reason_code: str
    records: int
    share: float
    example: str


def count_quarantine(lake: Lake, tables: Iterable[str]) -> list[BadRecords]:
    """How many records are in quarantine, by raw file and reason code, in file order.

    Args:
        lake: the lake.
        tables: the tables to look at, each `SOURCE.TABLE`.

    Raises:
        CasebookError: if a ledger entry or a quarantine file is damaged.
    """
    import duckdb

    names = set(tables)
    entries = [e for e in lake.entries() if e.rejected_file and e.full_table_name in names]
    found = []
    with duckdb.connect(config={"memory_limit": MEMORY_LIMIT}) as connection:
        for entry in entries:
            path = lake.root / str(entry.rejected_file)
            try:
                counts = connection.execute(
                    f"select reason_code, count(*), arg_min(message, record)"
                    f" from read_parquet({quote_text(path)}) group by all order by 2 desc, 1"
                ).fetchall()
            except duckdb.Error as error:
                raise _unreadable(path, error) from error
            found += [
                BadRecords(entry.source_file, code, count, count / entry.records, example)
                for code, count, example in counts
            ]
    return found


def _unreadable(path: Path, error: Exception) -> CasebookError:
    return CasebookError(
        f"the quarantine cannot be read: {error}",
        file=path,
        fix="delete it: the next `casebook load` lands its raw file again",
    )
