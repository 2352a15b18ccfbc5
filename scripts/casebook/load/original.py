"""Raw records as people see them: their original text, and quarantined ones to be corrected."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

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
from casebook.sql import quote_text

if TYPE_CHECKING:
    import duckdb


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
    name, _, inner = origin.source_file.rpartition("#")
    if origin.format == sqlite_file.READER.format:
        path = settings.raw / name
        if path.is_file():
            member = delivered_table(sqlite_file.table_names(path), table)
    elif name.lower().endswith(".zip") and not path.exists() and (settings.raw / name).is_file():
        path = settings.raw / name
        found = [m for m in zipped.members(path) if m.filename == inner]
        if not found:
            raise Refused(f"{path} has no member {inner} any more")
        path = zipped.unpack(path, found[0], folder)
    if not path.is_file():
        raise Refused(f"{path} is gone")
    if hash_file(path) != origin.file_hash:
        raise Refused(f"{settings.raw / origin.source_file} has changed since it was landed")
    reader, compression = find_reader(path)
    raw = Raw(
        path, compression, table, lambda: measure(path, compression, counter=reader.counter), member
    )
    for number, text in reader.texts(raw):
        if number == origin.source_record:
            return text.decode("utf-8", "backslashreplace")
    raise Refused(f"{path} has no record {origin.source_record}")


def read_corrections(
    connection: duckdb.DuckDBPyConnection, path: Path, lake: Lake, tables: Iterable[str]
) -> None:
    """Read a file that `export_quarantine` wrote and that someone has edited, as table `given`.

    Args:
        connection: where to make the table: line, source_file, record and text.
        path: JSON lines with `source_file`, `table`, `record` and `text`.
        lake: the lake, in whose quarantine each record must be, unless it stands in the ledger as
            corrected that way.
        tables: the tables whose records may be corrected, each `SOURCE.TABLE`.

    Raises:
        CasebookError: if it cannot be read, or a line is of no such record.
    """
    import duckdb

    columns = "{source_file: 'VARCHAR', \"table\": 'VARCHAR', record: 'BIGINT', text: 'VARCHAR'}"
    try:
        size = path.stat().st_size
        connection.execute(
            "create table given as select row_number() over () as line, *"
            f" from read_json({quote_text(path)}, format = 'newline_delimited',"
            f" columns = {columns}, maximum_object_size = {size + 1})"
        )
    except (OSError, duckdb.IOException) as error:
        reason = getattr(error, "strerror", None) or str(error)
        fix = "name the file that `casebook replay --export` wrote"
        raise CasebookError(
            f"the corrections cannot be read: {reason}", file=path, fix=fix
        ) from error
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        raise CasebookError(
            f"not as it was exported: {reason}",
            file=path,
            fix='change nothing but `text`, and write \\" for " and \\\\ for \\ in it',
        ) from error
    _check_corrections(connection, path, lake, sorted(tables))


def _check_corrections(
    connection: duckdb.DuckDBPyConnection, path: Path, lake: Lake, tables: list[str]
) -> None:
    """Raise an error about the first line that is of no record in quarantine.

    A correction that was applied earlier is passed over, so that the same file may be given again.
    """
    entries = {(e.full_table_name, e.source_file): e for e in lake.entries(lambda damage: None)}
    named = connection.execute('select distinct "table", source_file from given').fetchall()
    rejected = [lake.root / str(entries[key].rejected_file) for key in named if key in entries]
    files = ", ".join(quote_text(file) for file in rejected if file.is_file())
    bad = f"select source_file, record from read_parquet([{files}])" if files else "select '', 0"
    wrong = connection.execute(
        f"""
        select
            line, "table", source_file, record, text,
            row_number() over (partition by source_file, record order by line) > 1 as is_second,
            (source_file, record) in ({bad}) as is_bad
        from given
        qualify
            "table" is null or text is null or is_second or is_bad is not true
            or "table" not in (select unnest(?))
        order by line
        """,
        [tables],
    ).fetchall()
    for line, table, source_file, record, text, is_second, is_bad in wrong:
        entry = entries.get((table, source_file))
        applied = (
            [(c["record"], c["text"]) for c in entry.corrections if c["applied"]] if entry else []
        )
        if None in (table, source_file, record, text):
            reason, fix = "not as it was exported", "change nothing but `text`"
        elif table not in tables:
            reason = f"{table} is no declared table, or not chosen"
            fix = f"give corrections of these only: {', '.join(tables)}"
        elif is_second:
            reason, fix = "a second line for the same record", "remove one of them"
        elif (record, text) in applied and not is_bad:
            connection.execute("delete from given where line = ?", [line])
            continue
        else:
            reason = f"record {record} of {source_file} is not in quarantine"
            fix = "remove the line; `casebook replay --export` writes what is in quarantine now"
        raise CasebookError(f"line {line}: {reason}", file=path, fix=fix)


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
    with duckdb.connect(config={"memory_limit": "600MB", "temp_directory": ""}) as connection:
        for entry in lake.entries():
            if entry.rejected_file and entry.full_table_name in names:
                path = lake.root / entry.rejected_file
                try:
                    for row in read_quarantine(connection, path):
                        yield entry, row
                except duckdb.Error as error:
                    raise CasebookError(
                        f"the quarantine cannot be read: {error}",
                        file=path,
                        fix="delete it: the next `casebook load` lands its raw file again",
                    ) from error
