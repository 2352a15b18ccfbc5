"""The first records of a raw file, as the loader lands them."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import yaml

from casebook.draft.names import Name, name_columns
from casebook.errors import CasebookError, Refused
from casebook.lake.ledger import LedgerEntry
from casebook.load.run import load
from casebook.readers.archives import UNREADABLE, open_text, open_utf8, refused
from casebook.readers.base import MAX_RECORD_BYTES
from casebook.readers.choose import find_reader
from casebook.readers.header import guess_header
from casebook.readers.json_split import elements
from casebook.settings import Settings
from casebook.sql import quote_name, quote_text

if TYPE_CHECKING:
    import duckdb

MOST_RECORDS = 20_000
MOST_BYTES = 64 << 20
# What no column is called: a number that is no year, a date, a time.
_VALUE = re.compile(r"[-+]?(\d{1,3}|\d{5,}|\d*[.,]\d+)|\d{4}-\d\d-\d\d([ T].*)?")
# Columns that no file has, so that the loader names all that the file does have as undeclared. They
# are two, as DuckDB takes bare values for records where one column is wanted.
_NO_COLUMNS = [Name(name, name, "") for name in ("\ufffd1", "\ufffd2")]
_FIX = "name a file that `casebook load` reads"


@dataclass(frozen=True)
class Head:
    """What was read of a file.

    Attributes:
        names: its columns in the file's order, and what they are to be called.
        records: records that were landed, the rows of the table `head`.
        bad: records that could not be read.
        why_bad: the reason for the first of them; empty where there are none.
        whole: whether these are all records of the file.
    """

    names: list[Name]
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
    import duckdb

    try:
        reader, compression = find_reader(path)
        suffix = (path.suffixes[:-1] if compression else path.suffixes)[-1:]
        home = work / "raw" / "source" if member else work / "raw" / "source" / "head"
        file = home / "".join(["head", *suffix])
        file.parent.mkdir(parents=True)
        whole, order = _cut(path, compression, reader.format, member, file)
    except (Refused, *UNREADABLE, sqlite3.Error, duckdb.Error) as error:
        reason = refused(error) if isinstance(error, UNREADABLE) else str(error).splitlines()[0]
        raise CasebookError(f"cannot be read: {reason}", file=path, fix=_FIX) from error
    why_bad, form = "", member or "head"
    if reader.format == "delimited":
        found = _header(file, path)
    else:
        entry = _load(work, path, form, _NO_COLUMNS)
        ranks = {column: rank for rank, column in reversed(list(enumerate(order)))}
        found = sorted(entry.columns_ignored, key=lambda name: ranks.get(name, len(ranks)))
        why_bad = _why_bad(connection, work, entry)
    if not (names := name_columns(found, table)):
        raise CasebookError(
            "no record with columns can be read in it" + (f": {why_bad}" if why_bad else ""),
            file=path,
            fix="draft from a file that has records, each with named values",
        )
    entry = _load(work, path, form, names)
    columns = ", ".join(quote_name(name.declared) for name in names)
    landed = quote_text(work / "lake" / str(entry.landed_file))
    connection.execute(
        f"create table head as select {columns} from read_parquet({landed}) limit {MOST_RECORDS}"
    )
    records = min(entry.landed, MOST_RECORDS)
    return Head(names, records, entry.quarantined, _why_bad(connection, work, entry), whole)


def _cut(
    path: Path, compression: str | None, form: str, member: str | None, file: Path
) -> tuple[bool, list[str]]:
    """Write the head of a file as one of the same format.

    Returns:
        Whether it is all of the file, and its columns as they come in it, as far as is known.
    """
    if member:
        return _cut_sqlite(path, member, file)
    if form == "parquet":
        return _cut_parquet(path, file)
    if form in ("xml", "xlsx"):
        with open_text(path, compression) as text, file.open("wb") as target:
            shutil.copyfileobj(text, target)
        return True, []
    is_array = form in ("json_array", "json_objects")
    pieces: Iterator[bytes]
    with open_utf8(path, compression) as text:
        if is_array:
            pieces = (element.raw for element in elements(text) if not element.code)
        else:
            pieces = iter(lambda: text.readline(MAX_RECORD_BYTES), b"")
        taken = list(_first(pieces))
        whole = next(pieces, None) is None
    file.write_bytes(b"[\n" + b",\n".join(taken) + b"\n]\n" if is_array else b"".join(taken))
    order: dict[str, None] = {}
    for piece in taken if form != "delimited" else ():
        with suppress(ValueError, RecursionError):
            record = json.loads(piece)
            order |= dict.fromkeys(record) if isinstance(record, dict) else {}
    return whole, list(order)


def _cut_parquet(path: Path, file: Path) -> tuple[bool, list[str]]:
    import duckdb

    source = f"read_parquet({quote_text(path)})"
    with duckdb.connect() as connection:
        head = f"from {source} limit {MOST_RECORDS}"
        connection.execute(f"copy ({head}) to {quote_text(file)} (format parquet)")
        (records,) = connection.execute(f"select count(*) from {source}").fetchone() or (0,)
        columns = connection.execute(f"describe from {source}").fetchall()
    return records <= MOST_RECORDS, [column[0] for column in columns]


def _cut_sqlite(path: Path, member: str, file: Path) -> tuple[bool, list[str]]:
    table = quote_name(member)
    delivered = f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1"
    with closing(sqlite3.connect(f"file:{quote(str(file))}", uri=True)) as database:
        database.execute("attach ? as delivered", [delivered])
        # The head keeps the types that the columns are declared with.
        columns = database.execute(f"pragma delivered.table_info({table})").fetchall()
        listed = ", ".join(f"{quote_name(name)} {type_}" for _, name, type_, *_ in columns)
        database.execute(f"create table main.{table} ({listed})")
        source = f"delivered.{table} limit {MOST_RECORDS}"
        database.execute(f"insert into main.{table} select * from {source}")
        database.commit()
        more = f"select 1 from delivered.{table} limit 1 offset {MOST_RECORDS}"
        whole = database.execute(more).fetchone() is None
    return whole, [name for _, name, *_ in columns]


def _first(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The first pieces, so many and so large that a draft can be made from them."""
    size = 0
    for piece in islice(pieces, MOST_RECORDS):
        yield piece
        size += len(piece)
        if size > MOST_BYTES:
            return


def _header(file: Path, path: Path) -> list[str]:
    """The names in a delimited file's header."""
    header = guess_header(file, None)
    if header is None:
        fix = "draft from a file that has a header and records"
        raise CasebookError("it is empty", file=path, fix=fix)
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
    if not report.files:
        raise CasebookError("the loader finds no records in it", file=path)
    result = report.files[0]
    if result.is_refused:
        raise CasebookError(str(result.entry.refusal), file=path, fix=_FIX)
    return result.entry


def _why_bad(connection: duckdb.DuckDBPyConnection, work: Path, entry: LedgerEntry) -> str:
    if not entry.rejected_file:
        return ""
    rejected = quote_text(work / "lake" / entry.rejected_file)
    row = connection.execute(
        "select concat_ws(': ', reason_code, message)"
        f" from read_parquet({rejected}) order by record limit 1"
    ).fetchone()
    return row[0] if row else ""
