"""SQLite databases: each table that the source declares is read as a file of its own."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from casebook.errors import Refused
from casebook.readers.archives import UNREADABLE, refused
from casebook.readers.base import MAX_RECORD_BYTES, Raw, Reader, Reading, Workspace, too_long
from casebook.readers.columns import row_as_json
from casebook.readers.count import NoText
from casebook.readers.json_rows import land_again
from casebook.readers.values import land_values
from casebook.sql import quote_name, quote_text

EXTENSIONS = (".db", ".sqlite", ".sqlite3")
_HEADER = b"SQLite format 3\x00"
_SIDECARS = ("-wal", "-shm", "-journal")
_UNSAVED = ("-wal", "-journal")
_PIECE_BYTES = 256 << 10
_MOST_ROWS = 512


def is_database(name: str) -> bool:
    """Whether a file of this name should be an SQLite database."""
    return name.lower().endswith(EXTENSIONS)


def is_sidecar(name: str) -> bool:
    """Whether a file of this name is one that SQLite keeps beside an open database."""
    return any(name.endswith(end) and is_database(name.removesuffix(end)) for end in _SIDECARS)


def table_names(path: Path) -> list[str]:
    """The tables of a database, sorted; views are none.

    Raises:
        Refused: if it cannot be read, is no database, or has changes that stand outside of it.
    """
    with _open(path) as database:
        return _names(database)


def find_table(names: Sequence[str], *declared: str) -> str | None:
    """The one of a database's tables that has the first of some names, in whatever case.

    Args:
        names: the database's tables.
        declared: the declared name, then its aliases.
    """
    for name in declared:
        same = [other for other in names if other.lower() == name.lower()]
        if same:
            return min(same, key=lambda other: (other != name, other))
    return None


def no_such_table(declared: str, names: Sequence[str]) -> str:
    """The reason to refuse a database that does not have a declared table."""
    return f"it has no table {declared}; its tables are: {', '.join(names) or 'none'}"


def read(raw: Raw, workspace: Workspace) -> Reading:
    """Land one table of a database; a record's number is its place in the order of the rowid.

    The count is that of SQLite's own `count(*)`, which goes by an index where the table has one.

    Raises:
        Refused: if there is no such table, it lacks a required column, or it is damaged.
    """
    with _open(raw.path) as database, _table(raw, database) as (name, names):
        reading = land_values(raw.table, workspace, names, _pieces(database, name, names))
        (counted,) = database.execute(f"select count(*) from {quote_name(name)}").fetchone()
    if counted != reading.records:
        raise Refused(
            f"its table {name} is damaged: it has {reading.records:,} rows, but its index has"
            f" {counted:,}; have it delivered again"
        )
    return reading


def texts(raw: Raw) -> Iterator[tuple[int, bytes]]:
    """The number of each row, and the row as a JSON object with all columns of the table."""
    with _open(raw.path) as database, _table(raw, database) as (name, names):
        rows = (row for piece in _pieces(database, name, names) for row in piece)
        yield from enumerate((row_as_json(names, row) for row in rows), 1)


@contextmanager
def _table(raw: Raw, database: sqlite3.Connection) -> Iterator[tuple[str, list[str]]]:
    """The table's name in the database, and its columns; SQLite's errors become refusals."""
    names = _names(database)
    declared = (raw.member or raw.table.name, raw.table.name, *raw.table.table_aliases)
    name = find_table(names, *declared)
    if name is None:
        raise Refused(no_such_table(declared[0], names))
    try:
        query = f"select name, hidden from pragma_table_xinfo({quote_text(name)}) where hidden <> 1"
        found = database.execute(query).fetchall()
        # What a virtual column computes may be as long as a record, for each of them.
        limit = MAX_RECORD_BYTES // (1 + sum(hidden == 2 for _, hidden in found))
        database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, limit)
        yield name, [column for column, _ in found]
    except sqlite3.DataError as error:
        raise Refused(too_long(f"its table {name} has a record")) from error
    except sqlite3.OperationalError as error:
        raise Refused(f"its table {name} cannot be read: {error}") from error
    except sqlite3.Error as error:
        raise Refused(f"its table {name} is damaged ({error}); have it delivered again") from error


def _pieces(
    database: sqlite3.Connection, name: str, names: Sequence[str]
) -> Iterator[list[tuple[object, ...]]]:
    """Some rows at a time, in the table's order; bytes that are not UTF-8 as lone surrogates."""
    database.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
    columns = ", ".join(map(quote_name, names)) or "null"
    rows = database.execute(f"select {columns} from {quote_name(name)} not indexed")
    wanted = 1
    while piece := rows.fetchmany(wanted):
        yield piece
        size = sum(8 + len(v) if isinstance(v, str | bytes) else 8 for row in piece for v in row)
        wanted = max(1, min(_MOST_ROWS, 2 * wanted, _PIECE_BYTES * len(piece) // size))


def _names(database: sqlite3.Connection) -> list[str]:
    rows = database.execute(
        "select name from sqlite_master where type = 'table' and rootpage > 0"
        " and name not like 'sqlite\\_%' escape '\\' order by name"
    )
    return [name for (name,) in rows]


@contextmanager
def _open(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a database so that nothing beside it is read or written."""
    try:
        with path.open("rb") as file:
            start = file.read(len(_HEADER))
        real = path.resolve(strict=True)
    except UNREADABLE as error:
        raise refused(error) from error
    if start != _HEADER:
        raise Refused("it is no SQLite database" if start else "it is empty, no SQLite database")
    for sidecar in (real.with_name(real.name + ending) for ending in _UNSAVED):
        if sidecar.is_file() and sidecar.stat().st_size:
            where = f"its last changes stand in {sidecar.name}"
            raise Refused(f"{where}; have it delivered closed, without that file")
    uri = f"file:{quote(os.fsencode(path.absolute()))}?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(uri, uri=True, check_same_thread=False)) as database:
            database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_RECORD_BYTES)
            database.execute("pragma trusted_schema = off")
            database.execute("pragma cell_size_check = on")
            yield database
    except sqlite3.Error as error:
        raise Refused(f"the database is damaged ({error}); have it delivered again") from error


READER = Reader("sqlite", "an SQLite database", read, texts, land_again, NoText)
