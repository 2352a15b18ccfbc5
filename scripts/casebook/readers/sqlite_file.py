"""SQLite databases: each table that the source declares is read as a file of its own."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

from casebook.errors import Refused
from casebook.readers.archives import UNREADABLE, refused
from casebook.readers.base import MAX_RECORD_BYTES, RECORD_COLUMN, Raw, Reader, Reading, Workspace
from casebook.readers.columns import (
    Columns,
    NoText,
    match_columns,
    row_as_json,
    why_bad_bytes,
)
from casebook.readers.json_land import land_again
from casebook.sql import quote_name, quote_text

EXTENSIONS = (".db", ".sqlite", ".sqlite3")
_HEADER = b"SQLite format 3\x00"
_SIDECARS = ("-wal", "-shm", "-journal")
_UNSAVED = ("-wal", "-journal")
_PIECE_BYTES = 256 << 10
_MOST_ROWS = 512
_SMALLEST_OBJECT_LIMIT = 1 << 20
_ROW_GROUP_BYTES = 32 << 20
_encode = json.JSONEncoder(
    ensure_ascii=False,
    separators=(",", ":"),
    default=lambda blob: blob.decode("utf-8", "surrogateescape"),
).encode


def is_database(name: str) -> bool:
    """Whether a file of this name should be an SQLite database."""
    return name.lower().endswith(EXTENSIONS)


def is_sidecar(name: str) -> bool:
    """Whether a file of this name is one that SQLite keeps beside an open database."""
    return any(name.endswith(end) and is_database(name.removesuffix(end)) for end in _SIDECARS)


def table_names(path: Path) -> list[str]:
    """The tables and views of a database, sorted.

    Raises:
        Refused: if it cannot be read, is no database, or has changes that stand outside of it.
    """
    with _open(path) as database:
        return _names(database)


def find_table(names: Sequence[str], declared: str) -> str | None:
    """The one of a database's tables that has a declared name, exactly or in another case."""
    same = [name for name in names if name.lower() == declared.lower()]
    return min(same, key=lambda name: (name != declared, name)) if same else None


def read(raw: Raw, workspace: Workspace) -> Reading:
    """Land one table of a database; a record's number is its place in the order of the rowid.

    The rows are handed to DuckDB as JSON. Their count is that of SQLite's own `count(*)`, which
    goes by an index where the table has one.

    Raises:
        Refused: if there is no such table, it lacks a required column, or it is damaged.
    """
    with _open(raw.path) as database:
        source = _Source(database, _table_of(raw, database))
        with source.telling_failures():
            columns = match_columns(raw.table, source.columns)
            spool = _spool_clean(source, columns, workspace) or _spool_all(
                source, columns, workspace
            )
            records = source.count()
    if spool.records != records:
        raise Refused(
            f"its table {source.table} is damaged: it has {spool.records:,} rows, but its index"
            f" has {records:,}; have it delivered again"
        )
    return Reading(records, _land(spool, columns, workspace), columns.ignored)


def texts(raw: Raw) -> Iterator[tuple[int, bytes]]:
    """The number of each row, and the row as a JSON object with all columns of the table."""
    with _open(raw.path) as database:
        source = _Source(database, _table_of(raw, database))
        with source.telling_failures():
            for first, rows in source.pieces(source.columns, keep_bytes=True):
                for number, row in enumerate(rows, first):
                    yield number, row_as_json(source.columns, row)


@dataclass(frozen=True)
class _Source:
    """A table or view of an open database."""

    database: sqlite3.Connection
    table: str

    @cached_property
    def columns(self) -> list[str]:
        """The names of its columns, generated ones too."""
        found = self.database.execute(f"select * from {quote_name(self.table)} limit 0")
        return [column[0] for column in found.description]

    @cached_property
    def is_view(self) -> bool:
        query = "select type = 'view' from sqlite_master where name = ?"
        return bool(self.database.execute(query, (self.table,)).fetchone()[0])

    def count(self) -> int:
        query = f"select count(*) from {quote_name(self.table)}"
        return self.database.execute(query).fetchone()[0]

    def pieces(self, columns: Sequence[str], *, keep_bytes: bool) -> Iterator[tuple[int, list]]:
        """The rows in the order in which the table holds them, some at a time.

        Args:
            columns: the columns wanted. A view is to be asked for all of them every time: which
                ones it is asked for may change its order.
            keep_bytes: whether bytes that are not UTF-8 become lone surrogates, rather than an
                error.

        Yields:
            The number of the first row, from 1, and the rows.
        """
        self.database.text_factory = _decode if keep_bytes else str
        names = ", ".join(map(quote_name, columns)) or "null"
        hint = "" if self.is_view else "not indexed"
        rows = self.database.execute(f"select {names} from {quote_name(self.table)} {hint}")
        first, wanted = 1, 8
        while piece := rows.fetchmany(wanted):
            yield first, piece
            first += len(piece)
            sample = piece[:: max(1, len(piece) // 8)]
            size = sum(map(_size, sample)) // len(sample)
            wanted = max(1, min(_MOST_ROWS, 2 * wanted, _PIECE_BYTES // size))

    @contextmanager
    def telling_failures(self) -> Iterator[None]:
        """Turn SQLite's errors into refusals."""
        try:
            yield
        except sqlite3.DataError as error:
            raise Refused(
                f"its table {self.table} has a record longer than {MAX_RECORD_BYTES >> 20} MiB,"
                " the most that one record may have"
            ) from error
        except sqlite3.OperationalError as error:
            raise Refused(f"its table {self.table} cannot be read: {error}") from error
        except sqlite3.Error as error:
            raise Refused(
                f"its table {self.table} is damaged ({error}); have it delivered again"
            ) from error


def _decode(text: bytes) -> str:
    return text.decode("utf-8", "surrogateescape")


def _size(row: Sequence[object]) -> int:
    return sum(8 + len(v) if isinstance(v, (str, bytes)) else 8 for v in row)


class _Spool:
    """Rows on their way to DuckDB: a JSON array of arrays, `null` for a row in quarantine.

    Args:
        path: the file to write.
        places: which of the table's columns, from 0, its rows have, in their order.

    Attributes:
        records: rows so far.
        bad: those of them that are in quarantine.
        longest: bytes of the longest row, or of more than that.
        size: bytes written.
    """

    def __init__(self, path: Path, places: Sequence[int]) -> None:
        self.path, self.places = path, places
        self.records = self.bad = self.longest = self.size = 0

    def __enter__(self) -> _Spool:
        self._file = self.path.open("wb")
        self._file.write(b"[")
        return self

    def __exit__(self, *error: object) -> None:
        self._file.write(b"]")
        self._file.close()

    def add(self, rows: Sequence[Sequence[object]]) -> None:
        """Add rows.

        Raises:
            UnicodeEncodeError: if one has bytes that are not UTF-8; then none is added.
        """
        piece = _encode(rows)[1:-1].encode("utf-8")
        is_long = len(piece) > _SMALLEST_OBJECT_LIMIT
        longest = max(len(_encode(row).encode()) for row in rows) if is_long else len(piece)
        self._write(piece, len(rows), longest)

    def add_good(self, rows: Sequence[Sequence[object]]) -> list[int]:
        """Add rows, and `null` for those that have bytes which are not UTF-8.

        Returns:
            The places of the latter among them, from 0.
        """
        between: list[object] = [""] * (2 * len(rows) - 1)
        between[::2] = rows
        bad, pieces = [], []
        # This text cannot stand in a row: a bracket in a value is followed by an escaped quote.
        for place, text in enumerate(_encode(between)[2:-2].split('],"",[')):
            try:
                pieces.append(b"[" + text.encode("utf-8") + b"]")
            except UnicodeEncodeError:
                pieces.append(b"null")
                bad.append(place)
        self.bad += len(bad)
        self._write(b",".join(pieces), len(rows), max(map(len, pieces)))
        return bad

    def _write(self, piece: bytes, rows: int, longest: int) -> None:
        self._file.write(b",\n" + piece if self.records else piece)
        self.records += rows
        self.size += len(piece)
        self.longest = max(self.longest, longest)


def _spool_clean(source: _Source, columns: Columns, workspace: Workspace) -> _Spool | None:
    """Spool a table all of whose text is UTF-8; None where it is not."""
    places = range(len(source.columns)) if source.is_view else list(columns.read.values())
    names = [source.columns[place] for place in places]
    with _Spool(workspace.folder / "rows.json", places) as spool:
        try:
            for _, rows in source.pieces(names, keep_bytes=False):
                spool.add(rows)
        except (UnicodeEncodeError, sqlite3.OperationalError):
            return None
    return spool


def _spool_all(source: _Source, columns: Columns, workspace: Workspace) -> _Spool:
    """Spool the good rows of a table, and put the others into quarantine with all their columns."""
    places = list(columns.read.values())
    names = [source.columns[place] for place in places]
    with _Spool(workspace.folder / "rows.json", places) as spool:
        for first, rows in source.pieces(source.columns, keep_bytes=True):
            chosen = [[row[place] for place in places] for row in rows]
            for bad in spool.add_good(chosen):
                why = _why_bad(chosen[bad], names)
                whole = row_as_json(source.columns, rows[bad])
                workspace.quarantine.add(first + bad, first + bad, "bad_bytes", why, whole)
    return spool


def _why_bad(values: Sequence[object], names: Sequence[str]) -> str:
    for name, value in zip(names, values, strict=True):
        raw = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
        if isinstance(raw, bytes) and (why := why_bad_bytes(name, raw)):
            return why
    return ""


def _land(spool: _Spool, columns: Columns, workspace: Workspace) -> int:
    """Let DuckDB write the spooled rows; returns how many it wrote."""
    value_of = {place: f"r[{n}]" for n, place in enumerate(spool.places, 1)}
    values = [
        f"{'null::varchar' if place is None else value_of[place]} as {quote_name(column)}"
        for column, place in columns.place_of.items()
    ]
    rows = f"""
        read_json(
            {quote_text(spool.path)}, format = 'array', records = false,
            columns = {{r: 'VARCHAR[]'}}, compression = 'uncompressed',
            maximum_object_size = {max(_SMALLEST_OBJECT_LIMIT, spool.longest + 1)}
        )
    """
    if spool.bad:
        rows = f"(select r, row_number() over () as n from {rows}) where r is not null"
    good = spool.records - spool.bad
    group = max(2048, min(122880, _ROW_GROUP_BYTES * good // max(spool.size, 1)))
    written = workspace.connection.execute(
        f"""
        copy (
            select {", ".join(values)}, {"n" if spool.bad else "null::bigint"} as {RECORD_COLUMN}
            from {rows}
        ) to {quote_text(workspace.landed)}
        (format parquet, compression zstd, row_group_size {group})
        """
    ).fetchone()
    landed = written[0] if written else 0
    if landed != good:
        raise Refused(f"{good} good records were found, but {landed} rows landed")
    spool.path.unlink()
    return landed


def _table_of(raw: Raw, database: sqlite3.Connection) -> str:
    names = _names(database)
    declared = raw.member or raw.table.name
    found = find_table(names, declared)
    if found is None:
        raise Refused(no_such_table(declared, names))
    return found


def no_such_table(declared: str, names: Sequence[str]) -> str:
    """The reason to refuse a database that does not have a declared table."""
    return f"it has no table {declared}; its tables are: {', '.join(names) or 'none'}"


def _names(database: sqlite3.Connection) -> list[str]:
    rows = database.execute(
        "select name from sqlite_master where type in ('table', 'view')"
        " and name not like 'sqlite\\_%' escape '\\' order by name"
    ).fetchall()
    return [name for (name,) in rows]


@contextmanager
def _open(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a database so that nothing beside it is read or written.

    Raises:
        Refused: if it cannot be read, is no database, or has changes that stand outside of it.
    """
    _check(path)
    uri = f"file:{quote(os.fsencode(path.absolute()))}?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(uri, uri=True, check_same_thread=False)) as database:
            database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_RECORD_BYTES)
            database.execute("pragma trusted_schema = off")
            database.execute("pragma cell_size_check = on")
            yield database
    except sqlite3.Error as error:
        raise Refused(f"the database is damaged ({error}); have it delivered again") from error


def _check(path: Path) -> None:
    try:
        with path.open("rb") as file:
            start = file.read(len(_HEADER))
        real = path.resolve(strict=True)
    except UNREADABLE as error:
        raise refused(error) from error
    if start != _HEADER:
        raise Refused("it is no SQLite database" if start else "it is empty, no SQLite database")
    for ending in _UNSAVED:
        sidecar = real.with_name(real.name + ending)
        if sidecar.is_file() and sidecar.stat().st_size:
            raise Refused(
                f"its last changes stand in {sidecar.name}; have it delivered closed, without that"
                " file"
            )


READER = Reader("sqlite", read, texts, land_again, NoText)
