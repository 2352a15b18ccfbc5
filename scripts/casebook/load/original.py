"""Raw records as people see them: their original text, and those that are in quarantine."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from casebook.errors import CasebookError, Refused
from casebook.lake.layout import REJECTED, Lake
from casebook.load.discover import find_files
from casebook.load.measure import hash_file, measure
from casebook.readers.base import Raw
from casebook.readers.choose import find_reader
from casebook.settings import Settings
from casebook.sources import read_sources
from casebook.sql import connect, quote_text

if TYPE_CHECKING:
    import duckdb

    from casebook.ask.trace import Origin

_NOTHING = (
    "(select null as source_file, '' as filename, null as record, null as first_line,"
    " '' as reason_code, '' as message, '' as raw_text limit 0)"
)


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


@contextmanager
def open_quarantine(lake: Lake) -> Iterator[duckdb.DuckDBPyConnection]:
    """What is in quarantine, to be asked as a published warehouse is.

    The connection has `audit.rejected_rows` and `audit.loaded_files`, in part.

    Raises:
        CasebookError: if a ledger entry or a quarantine file is missing or damaged.
    """
    import duckdb

    entries = [entry for entry in lake.entries() if entry.rejected_file]
    paths = ", ".join(quote_text(lake.root / str(entry.rejected_file)) for entry in entries)
    names = ("source_file", "source_name", "table_name", "records")
    start = len(f"{lake.root / REJECTED}/") + 1
    try:
        with tempfile.TemporaryDirectory() as folder, connect(Path(folder)) as connection:
            connection.execute(
                "create schema audit; create table audit.loaded_files as select"
                f" {', '.join(f'unnest(${name}) as {name}' for name in names)}",
                {name: [getattr(entry, name) for entry in entries] for name in names},
            )
            connection.execute(
                f"""
                create view audit.rejected_rows as
                select
                    source_file,
                    split_part(substr(filename, {start}), '/', 1) as source_name,
                    split_part(substr(filename, {start}), '/', 2) as table_name,
                    record as source_record,
                    first_line,
                    'quarantined' as stage,
                    reason_code || ': ' || message as reasons,
                    raw_text
                from {f"read_parquet([{paths}], filename = true)" if paths else _NOTHING}
                """
            )
            yield connection
    except duckdb.Error as error:
        raise CasebookError(
            f"the quarantine cannot be read: {error}",
            file=lake.root,
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
        with open_quarantine(lake) as connection, path.open("x", encoding="utf-8") as file:
            found = connection.execute(
                "select source_file, source_name || '.' || table_name as full_name, source_record,"
                " first_line, reasons, raw_text from audit.rejected_rows"
                " where full_name in (select unnest($1)) order by source_file, source_record",
                [list(tables)],
            )
            while row := found.fetchone():
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
