"""The first records of a raw file, as the loader lands them."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from casebook.draft import shorten
from casebook.draft.names import Name, name_columns
from casebook.errors import CasebookError, Refused
from casebook.lake.ledger import LedgerEntry
from casebook.load.run import load
from casebook.readers.archives import UNREADABLE, refused
from casebook.readers.choose import find_reader
from casebook.readers.header import guess_header
from casebook.settings import Settings
from casebook.sql import quote_name, quote_text

if TYPE_CHECKING:
    import duckdb

# What no column is called: a number that is no year, a date, a time.
_VALUE = re.compile(r"[-+]?(\d{1,3}|\d{5,}|\d*[.,]\d+)|\d{4}-\d\d-\d\d([ T].*)?")
# Columns that no file has, so that the loader names all that the file does have as undeclared. They
# are two, as DuckDB takes bare values for records where one column is wanted.
_NO_COLUMNS = [Name(name, name, "") for name in ("\ufffd1", "\ufffd2")]


@dataclass(frozen=True)
class Head:
    """What was read of a file.

    Attributes:
        names: its columns in the file's order, and what they are to be called.
        format: the reader that read it.
        records: records that were landed, the rows of the table `head`.
        bad: records that could not be read.
        why_bad: the reason for the first of them; empty where there are none.
        whole: whether these are all records of the file.
    """

    names: list[Name]
    format: str
    records: int
    bad: int
    why_bad: str
    whole: bool


def read_head(
    connection: duckdb.DuckDBPyConnection, path: Path, member: str | None, table: str, work: Path
) -> Head:
    """Load the first records of a file into a lake of their own, and from there as table `head`.

    Args:
        connection: where to make the table `head`: every column as text, in the file's order.
        path: the raw file.
        member: the table in it, where it is a SQLite file.
        table: the name of the table that is to be declared.
        work: an empty folder.

    Raises:
        CasebookError: if the file cannot be read, or has no columns.
    """
    try:
        reader, compression = find_reader(path)
        home = work / "raw" / "source"
        cut = shorten.Cut(path, compression, reader.format, member, home)
        whole = cut.write()
    except (Refused, *UNREADABLE, sqlite3.Error) as error:
        reason = error if isinstance(error, (Refused, sqlite3.Error)) else refused(error)
        raise CasebookError(
            f"cannot be read: {reason}", file=path, fix="name a file that `casebook load` reads"
        ) from error
    why_bad = ""
    if cut.format == "delimited":
        found = _header(cut.file, path)
    else:
        entry = _load(work, path, cut.table, _NO_COLUMNS)
        ranks = {column: rank for rank, column in reversed(list(enumerate(cut.order())))}
        found = sorted(entry.columns_ignored, key=lambda name: ranks.get(name, len(ranks)))
        why_bad = _why_bad(connection, work, entry)
    names = name_columns(found, table)
    if not names:
        raise CasebookError(
            "no record with columns can be read in it" + (f": {why_bad}" if why_bad else ""),
            file=path,
            fix="draft from a file that has records, each with named values",
        )
    entry = _load(work, path, cut.table, names)
    columns = ", ".join(quote_name(name.declared) for name in names)
    landed = work / "lake" / str(entry.landed_file)
    connection.execute(
        f"create table head as select {columns} from read_parquet({quote_text(landed)})"
        f" limit {shorten.MOST_RECORDS}"
    )
    return Head(
        names=names,
        format=entry.format,
        records=min(entry.landed, shorten.MOST_RECORDS),
        bad=entry.quarantined,
        why_bad=_why_bad(connection, work, entry),
        whole=whole,
    )


def _header(file: Path, path: Path) -> list[str]:
    """The names in a delimited file's header."""
    header = guess_header(file, None)
    if header is None:
        raise CasebookError(
            "it is empty", file=path, fix="draft from a file that has a header and records"
        )
    if any(_VALUE.fullmatch(name) for name in header.names):
        raise CasebookError(
            f"it seems to have no header: its first record is {', '.join(header.names)[:200]}",
            file=path,
            fix="have it delivered with one, or put a line with the columns' names before it",
        )
    return [name for name in header.names if name]


def _load(work: Path, path: Path, table: str, columns: Sequence[Name]) -> LedgerEntry:
    """Load the head with these columns declared, into the lake of its own."""
    project, lake = work / "project", work / "lake"
    shutil.rmtree(lake, ignore_errors=True)
    (project / "models").mkdir(parents=True, exist_ok=True)
    declared = [
        {"name": column.declared, "config": {"meta": {"aliases": list(column.aliases)}}}
        for column in columns
    ]
    sources = [{"name": "source", "tables": [{"name": table, "columns": declared}]}]
    (project / "models" / "_source__sources.yml").write_text(
        yaml.safe_dump({"sources": sources}), encoding="utf-8"
    )
    (project / "dbt_project.yml").touch()
    report = load(Settings(project, work / "raw", lake, work / "warehouse.db"))
    for result in report.files:
        if result.is_refused:
            raise CasebookError(
                str(result.entry.refusal),
                file=path,
                fix="name a file that `casebook load` reads",
            )
        return result.entry
    raise CasebookError("the loader finds no records in it", file=path)


def _why_bad(connection: duckdb.DuckDBPyConnection, work: Path, entry: LedgerEntry) -> str:
    if not entry.rejected_file:
        return ""
    rejected = quote_text(work / "lake" / entry.rejected_file)
    row = connection.execute(
        "select concat_ws(': ', reason_code, message)"
        f" from read_parquet({rejected}) order by record limit 1"
    ).fetchone()
    return row[0] if row else ""
