"""Parquet: columns by name, every value as the text that DuckDB has for it."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from casebook.errors import Refused
from casebook.readers.base import Raw, Reader, Reading, Workspace
from casebook.readers.columns import (
    Columns,
    check_columns,
    match_columns,
    row_as_json,
    why_bad_bytes,
)
from casebook.readers.count import NoText
from casebook.readers.json_rows import land_again
from casebook.readers.rows import copy_rows
from casebook.sql import quote_text

if TYPE_CHECKING:
    import duckdb

_NESTED = re.compile(r"^(STRUCT|MAP|UNION)\(|\[\d*\]$|^VARIANT$")
_PREFIX = re.compile(r"^[A-Z]\w*( \w+)? Error: ")
_PATH = re.compile(r"( (of|in|for|from))?( file)? ['\"]/.*['\"]|: attempted .*")
_MEMORY_LIMIT = "600MB"
_INEXACT = """
    case
        when (converted_type = 'DECIMAL' or logical_type like 'Decimal%')
            and duckdb_type not like 'DECIMAL%' then format('decimal({},{})', precision, scale)
        when logical_type like '%NANOS=Nano%' and not contains(duckdb_type, '_NS')
            then 'time in nanoseconds'
    end
"""
_ROW_GROUP_BYTES = 32 << 20
_MOST_ROWS, _FEWEST_ROWS = 122_880, 2048


def read(raw: Raw, workspace: Workspace) -> Reading:
    """Land a Parquet file; a record's number is its place in the file.

    The count of records is the one in the file's footer. Columns of bytes land as text; a record
    in which those of a declared column are not UTF-8 is put into quarantine.

    Raises:
        Refused: if it is damaged or no Parquet file, lacks a required column, or has a text column
            that is not UTF-8, of which DuckDB reads nothing.
    """
    import duckdb

    source = _open(workspace.connection, raw.path)
    with source.refusing_failures():
        columns = match_columns(raw.table, source.names)
        check_columns(columns, source.names)
        _check_types(source, columns)
        records = source.count()
        try:
            landed = _land(source, columns, workspace, bad=[])
        except duckdb.ConversionException:
            bad = [place for place in columns.read if source.types[place] == "BLOB"]
            if not bad:
                raise
            _quarantine(source, bad, workspace)
            landed = _land(source, columns, workspace, bad)
    return Reading(records, landed, columns.ignored)


def texts(raw: Raw) -> Iterator[tuple[int, bytes]]:
    """The number of each record, and the record as a JSON object with all columns of the file."""
    import duckdb

    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder) / "raw"
        link.symlink_to(raw.path.absolute())
        config = {"memory_limit": _MEMORY_LIMIT, "temp_directory": folder}
        with duckdb.connect(config=config) as connection:
            source = _open(connection, link)
            with source.refusing_failures():
                found = connection.execute(f"select {source.all_values} from {source.relation}")
                number = 0
                while row := found.fetchone():
                    number += 1
                    yield number, row_as_json(source.names, row)


@dataclass(frozen=True)
class _Source:
    """A Parquet file; SQL knows its columns as `c0`, `c1`, ….

    Attributes:
        connection: the DuckDB connection that reads it.
        path: where it is; no character means something in a glob.
        names: its columns.
        types: their types in DuckDB.
        inexact: the type in the file of those that DuckDB would not read exactly, by place.
    """

    connection: duckdb.DuckDBPyConnection
    path: Path
    names: list[str]
    types: list[str]
    inexact: dict[int, str]

    @property
    def relation(self) -> str:
        columns = ", ".join(f"c{place}" for place in range(len(self.names)))
        return f"{_read_parquet(self.path)} as file({columns})"

    @property
    def all_values(self) -> str:
        """SQL for the values of all columns as text, and for those of bytes as they are."""
        return ", ".join(
            f"c{place}" if kind == "BLOB" else self.text(place)
            for place, kind in enumerate(self.types)
        )

    def text(self, place: int) -> str:
        """SQL for a column's values as text; an error for bytes that are not UTF-8."""
        if self.types[place] == "BLOB":
            return f"decode(c{place})"
        if _NESTED.search(self.types[place]):
            return f"cast(to_json(c{place}) as varchar)"
        return f"cast(c{place} as varchar)"

    def count(self) -> int:
        row = self.connection.execute(
            f"select num_rows from parquet_file_metadata({quote_text(self.path)})"
        ).fetchone()
        return row[0] if row else 0

    def rows_per_group(self) -> int:
        """How many rows to write at a time, by the size of the file's values."""
        row = self.connection.execute(
            "select sum(total_uncompressed_size)::bigint"
            f" from parquet_metadata({quote_text(self.path)})"
        ).fetchone()
        size = max(row[0] or 0, 1) if row else 1
        return max(_FEWEST_ROWS, min(_MOST_ROWS, _ROW_GROUP_BYTES * self.count() // size))

    @contextmanager
    def refusing_failures(self) -> Iterator[None]:
        """Turn DuckDB's errors about the file into refusals, and leave those about the lake."""
        import duckdb

        try:
            yield
        except duckdb.OutOfMemoryException:
            raise
        except duckdb.Error as error:
            reason = self._why_not(error)
            if reason is None:
                raise
            raise Refused(reason) from error

    def _why_not(self, error: Exception) -> str | None:
        """Why the file cannot be read; None if it can, so that the lake's disk is to blame."""
        import duckdb

        for place, name in enumerate(self.names):
            try:
                self.connection.execute(
                    f"select max(hash(c{place})) from {self.relation}"
                ).fetchall()
            except duckdb.Error as own:
                if "nvalid string encoding" in str(own):
                    return (
                        f"its column {name} holds text that is not UTF-8; have it delivered as"
                        " UTF-8, or as a column of bytes"
                    )
                error = own
                break
        else:
            if self.names and isinstance(error, duckdb.IOException):
                return None
        return f"it is damaged or no Parquet file ({_why_damaged(error)}); have it delivered again"


def _open(connection: duckdb.DuckDBPyConnection, path: Path) -> _Source:
    """Look at a file's columns.

    DuckDB's own names for them differ where the file has one twice, or in two cases.

    Raises:
        Refused: if the file is damaged or no Parquet file.
    """
    with _Source(connection, path, [], [], {}).refusing_failures():
        connection.execute("set TimeZone = 'UTC'")
        described = connection.execute(f"describe from {_read_parquet(path)}").fetchall()
        schema = connection.execute(
            f"select name, num_children, {_INEXACT} from parquet_schema({quote_text(path)})"
        ).fetchall()
    names, inexact = _top_level(schema)
    types = [row[1] for row in described]
    if len(names) != len(types):
        raise Refused(f"its columns cannot be told apart: {', '.join(names)}")
    return _Source(connection, path, names, types, inexact)


def _read_parquet(path: Path) -> str:
    return (
        f"read_parquet({quote_text(path)}, hive_partitioning = false, binary_as_string = false,"
        " union_by_name = false)"
    )


def _top_level(schema: list[tuple[Any, ...]]) -> tuple[list[str], dict[int, str]]:
    """The names of the columns in a schema that lists each group before its members.

    And by their places, the types in or below them that DuckDB does not read exactly.
    """
    names: list[str] = []
    inexact: dict[int, str] = {}
    at = 1
    while at < len(schema):
        names.append(schema[at][0])
        left = 1
        while left and at < len(schema):
            _, children, kind = schema[at]
            if kind:
                inexact[len(names) - 1] = kind
            left += (children or 0) - 1
            at += 1
    return names, inexact


def _why_damaged(error: Exception) -> str:
    """What DuckDB says of a damaged file, without its path and on one line."""
    text = _PREFIX.sub("", _PATH.sub("", str(error).splitlines()[0]))
    return "".join(character if character.isprintable() else "?" for character in text)


def _land(source: _Source, columns: Columns, workspace: Workspace, bad: list[int]) -> int:
    """Let DuckDB read and write the file.

    Args:
        source: the file.
        columns: where it has the declared columns.
        workspace: where to work.
        bad: columns of bytes; records with bytes in them that are not UTF-8 are left out.

    Returns:
        The number of rows landed.
    """
    values = []
    for column, places in columns.places.items():
        held = ", ".join(map(source.text, places))
        values.append((f"coalesce({held})" if held else "null::varchar", column))
    rows, number = source.relation, "null::bigint"
    if bad:
        rows, number = f"{_numbered(source)} where not {_is_bad(bad)}", "n"
    return copy_rows(workspace, rows, values, number, source.rows_per_group())


def _check_types(source: _Source, columns: Columns) -> None:
    """Refuse a file with a column whose values DuckDB would not give exactly.

    Raises:
        Refused: with the column and its type.
    """
    for place in columns.read:
        kind = source.inexact.get(place)
        if kind:
            raise Refused(
                f"its column {source.names[place]} is of type {kind}, which would not be read"
                " exactly; have it delivered as text, or as a decimal of at most 38 digits"
            )


def _quarantine(source: _Source, bad: list[int], workspace: Workspace) -> None:
    """Put the records with bytes that are not UTF-8 into quarantine, with all their columns."""
    found = workspace.connection.execute(
        f"select n, {source.all_values} from {_numbered(source)} where {_is_bad(bad)}"
    )
    while row := found.fetchone():
        number, values = row[0], row[1:]
        reasons = (why_bad_bytes(source.names[p], values[p]) for p in bad if values[p] is not None)
        why = next(filter(None, reasons))
        workspace.quarantine.add(
            number, number, "bad_bytes", why, row_as_json(source.names, values)
        )


def _numbered(source: _Source) -> str:
    return f"(select *, row_number() over () as n from {source.relation})"


def _is_bad(places: Sequence[int]) -> str:
    """SQL that tells whether bytes in one of these columns are not UTF-8."""
    tests = [f"c{place} is not null and try(decode(c{place})) is null" for place in places]
    return f"({' or '.join(tests)})"


READER = Reader("parquet", "Parquet", read, texts, land_again, NoText)
