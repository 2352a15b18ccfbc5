"""The first records of a raw file, as the loader lands them."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
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
        cut = _Cut(path, compression, reader.format, member, home)
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
        f" limit {MOST_RECORDS}"
    )
    return Head(
        names=names,
        format=entry.format,
        records=min(entry.landed, MOST_RECORDS),
        bad=entry.quarantined,
        why_bad=_why_bad(connection, work, entry),
        whole=whole,
    )


@dataclass(frozen=True)
class _Cut:
    """The head of a raw file, as a file of the same format.

    Attributes:
        path: the raw file.
        compression: `gzip`, `zstd` or None.
        format: the reader's name for the format.
        member: the table in it, where it is a SQLite file.
        home: the folder of a source, to write below.
    """

    path: Path
    compression: str | None
    format: str
    member: str | None
    home: Path

    @property
    def table(self) -> str:
        """The name under which the head is declared."""
        return self.member or "head"

    @property
    def file(self) -> Path:
        """Where the head is written."""
        suffixes = self.path.suffixes[:-1] if self.compression else self.path.suffixes
        name = "head" + (suffixes[-1] if suffixes else "")
        return self.home / name if self.member else self.home / self.table / name

    def write(self) -> bool:
        """Write the head; returns whether it is all of the file."""
        self.file.parent.mkdir(parents=True)
        if self.member is not None:
            return self._write_sqlite()
        if self.format == "parquet":
            return self._write_parquet()
        if self.format in ("json_array", "json_objects"):
            return self._write_array()
        if self.format in ("xml", "xlsx"):
            with open_text(self.path, self.compression) as text, self.file.open("wb") as file:
                shutil.copyfileobj(text, file)
            return True
        with open_text(self.path, self.compression) as text, self.file.open("wb") as file:
            for line in _first(iter(lambda: text.readline(MAX_RECORD_BYTES), b"")):
                file.write(line)
            return not text.read(1)

    def _write_array(self) -> bool:
        """Write the array's first elements, as a shorter array."""
        texts = self._texts(self.path, self.compression)
        with self.file.open("wb") as file:
            file.write(b"[")
            for number, text in enumerate(_first(texts)):
                file.write((b",\n" if number else b"\n") + text)
            file.write(b"\n]\n")
        return next(texts, None) is None

    def _write_parquet(self) -> bool:
        import duckdb

        source = f"read_parquet({quote_text(self.path)})"
        try:
            with duckdb.connect() as connection:
                connection.execute(
                    f"copy (select * from {source} limit {MOST_RECORDS})"
                    f" to {quote_text(self.file)} (format parquet)"
                )
                (records,) = connection.execute(f"select count(*) from {source}").fetchone() or (0,)
        except duckdb.Error as error:
            raise Refused(str(error).splitlines()[0]) from error
        return records <= MOST_RECORDS

    def _write_sqlite(self) -> bool:
        assert self.member is not None
        table = quote_name(self.member)
        delivered = f"file:{quote(str(self.path.absolute()))}?mode=ro&immutable=1"
        with closing(sqlite3.connect(f"file:{quote(str(self.file))}", uri=True)) as database:
            database.execute("attach ? as delivered", [delivered])
            # The head keeps the types that the columns are declared with.
            columns = database.execute(f"pragma delivered.table_info({table})").fetchall()
            listed = ", ".join(f"{quote_name(name)} {type_}" for _, name, type_, *_ in columns)
            database.execute(f"create table main.{table} ({listed})")
            database.execute(
                f"insert into main.{table} select * from delivered.{table} limit {MOST_RECORDS}"
            )
            database.commit()
            (more,) = database.execute(
                f"select count(*) from (select 1 from delivered.{table} limit {MOST_RECORDS + 1})"
            ).fetchone()
        return more <= MOST_RECORDS

    def order(self) -> list[str]:
        """The names of the head's columns as they come in it; some may be repeated or missing."""
        if self.format.startswith("json"):
            records = map(_loaded, self._texts(self.file, None))
            keys = (key for record in records if isinstance(record, dict) for key in record)
            return list(dict.fromkeys(keys))
        if self.format in ("xml", "xlsx"):
            return []
        if self.format == "parquet":
            import duckdb

            with duckdb.connect() as connection:
                rows = connection.execute(
                    f"describe from read_parquet({quote_text(self.file)})"
                ).fetchall()
            return [row[0] for row in rows]
        with closing(sqlite3.connect(self.file)) as database:
            rows = database.execute(f"pragma table_info({quote_name(self.table)})").fetchall()
        return [row[1] for row in rows]

    def _texts(self, path: Path, compression: str | None) -> Iterator[bytes]:
        """The records of a file of JSON."""
        with open_utf8(path, compression) as text:
            if self.format == "json_lines":
                yield from text
            else:
                yield from (element.raw for element in elements(text) if not element.code)


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


def _loaded(line: bytes) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _first(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The first pieces, so many and so large that a draft can be made from them."""
    size = 0
    for piece in islice(pieces, MOST_RECORDS):
        yield piece
        size += len(piece)
        if size > MOST_BYTES:
            return


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
