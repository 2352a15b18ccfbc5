"""Parquet: columns by name, every value as the text that DuckDB has for it."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from casebook.errors import Refused
from casebook.readers.base import Raw, Reader, Reading, Workspace
from casebook.readers.columns import (
    Columns,
    check_columns,
    coalesced,
    match_columns,
    row_as_json,
    why_bad_bytes,
)
from casebook.readers.count import NoText
from casebook.readers.json_rows import land_again
from casebook.readers.rows import copy_rows, rows_per_group
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


def read(raw: Raw, workspace: Workspace) -> Reading:
    """Land a Parquet file; a record's number is its place in the file.

    The count of records is the one in the file's footer. Columns of bytes land as text; a record
    in which those of a declared column are not UTF-8 is put into quarantine.

    Raises:
        Refused: if it is damaged or no Parquet file, lacks a required column, has one whose values
            DuckDB would not give exactly, or a text column that is not UTF-8, of which DuckDB
            reads nothing.
    """
    import duckdb

    source = _open(workspace.connection, raw.path)
    with _refusing_failures(source):
        columns = match_columns(raw.table, source.names)
        check_columns(columns, source.names)
        for place in columns.read:
            if kind := source.inexact.get(place):
                raise Refused(
                    f"its column {source.names[place]} is of type {kind}, which would not be read"
                    " exactly; have it delivered as text, or as a decimal of at most 38 digits"
                )
        try:
            landed = _land(source, columns, workspace, bad="")
        except duckdb.ConversionException:
            places = [place for place in columns.read if source.types[place] == "BLOB"]
            if not places:
                raise
            bad = " or ".join(f"c{p} is not null and try(decode(c{p})) is null" for p in places)
            _quarantine(source, places, bad, workspace)
            landed = _land(source, columns, workspace, bad)
    return Reading(source.records, landed, columns.ignored)


def texts(raw: Raw) -> Iterator[tuple[int, bytes]]:
    """The number of each record, and the record as a JSON object with all columns of the file."""
    import duckdb

    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder) / "raw"
        link.symlink_to(raw.path.absolute())
        with duckdb.connect() as connection:
            connection.execute(f"set memory_limit = '{_MEMORY_LIMIT}'")
            connection.execute(f"set temp_directory = {quote_text(folder)}")
            source = _open(connection, link)
            with _refusing_failures(source):
                found = connection.execute(f"select n, {source.all_values} from {source.numbered}")
                while row := found.fetchone():
                    yield row[0], row_as_json(source.names, row[1:])


@dataclass
class _Source:
    """A Parquet file; SQL knows its columns as `c0`, `c1`, ….

    Attributes:
        connection: the DuckDB connection that reads it.
        path: where it is; no character means something in a glob.
        names: its columns.
        types: their types in DuckDB.
        inexact: the type in the file of those that DuckDB would not read exactly, by place.
        records: how many there are.
        size: bytes of its values.
    """

    connection: duckdb.DuckDBPyConnection
    path: Path
    names: list[str] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    inexact: dict[int, str] = field(default_factory=dict)
    records: int = 0
    size: int = 0

    @property
    def file(self) -> str:
        options = "hive_partitioning = false, binary_as_string = false, union_by_name = false"
        return f"read_parquet({quote_text(self.path)}, {options})"

    @property
    def relation(self) -> str:
        return f"{self.file} as file({', '.join(f'c{n}' for n in range(len(self.names)))})"

    @property
    def numbered(self) -> str:
        return f"(select *, row_number() over () as n from {self.relation})"

    @property
    def all_values(self) -> str:
        """SQL for the values of all columns as text, and for those of bytes as they are."""
        kinds = enumerate(self.types)
        return ", ".join(f"c{p}" if kind == "BLOB" else self.text(p) for p, kind in kinds)

    def text(self, place: int) -> str:
        """SQL for a column's values as text; an error for bytes that are not UTF-8."""
        if self.types[place] == "BLOB":
            return f"decode(c{place})"
        is_nested = _NESTED.search(self.types[place])
        return f"cast({f'to_json(c{place})' if is_nested else f'c{place}'} as varchar)"


def _open(connection: duckdb.DuckDBPyConnection, path: Path) -> _Source:
    """Look at a file's columns.

    DuckDB's own names for them differ where the file has one twice, or in two cases.

    Raises:
        Refused: if the file is damaged or no Parquet file.
    """
    source, place = _Source(connection, path), quote_text(path)
    with _refusing_failures(source):
        connection.execute("set TimeZone = 'UTC'")
        described = connection.execute(f"describe from {source.file}").fetchall()
        schema = connection.execute(
            f"select name, num_children, {_INEXACT} from parquet_schema({place})"
        ).fetchall()
        sizes = connection.execute(
            f"select (select num_rows from parquet_file_metadata({place})),"
            f" (select sum(total_uncompressed_size)::bigint from parquet_metadata({place}))"
        ).fetchone()
    # Each group stands before its members, the whole first.
    left = 0
    for name, children, kind in schema[1:]:
        if not left:
            source.names.append(name)
            left = 1
        if kind:
            source.inexact[len(source.names) - 1] = kind
        left += (children or 0) - 1
    source.types = [row[1] for row in described]
    source.records, source.size = (sizes[0] or 0, sizes[1] or 0) if sizes else (0, 0)
    if len(source.names) != len(source.types):
        raise Refused(f"its columns cannot be told apart: {', '.join(source.names)}")
    return source


@contextmanager
def _refusing_failures(source: _Source) -> Iterator[None]:
    """Turn DuckDB's errors about the file into refusals, and leave those about the lake."""
    import duckdb

    try:
        yield
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error as error:
        reason = _why_not(source, error)
        if reason is None:
            raise
        raise Refused(reason) from error


def _why_not(source: _Source, error: Exception) -> str | None:
    """Why the file cannot be read; None if it can, so that the lake's disk is to blame."""
    import duckdb

    for place, name in enumerate(source.names):
        try:
            query = f"select max(hash(c{place})) from {source.relation}"
            source.connection.execute(query).fetchall()
        except duckdb.Error as own:
            if "nvalid string encoding" in str(own):
                return (
                    f"its column {name} holds text that is not UTF-8; have it delivered as"
                    " UTF-8, or as a column of bytes"
                )
            error = own
            break
    else:
        if source.names and isinstance(error, duckdb.IOException):
            return None
    why = _PREFIX.sub("", _PATH.sub("", str(error).splitlines()[0]))
    why = "".join(character if character.isprintable() else "?" for character in why)
    return f"it is damaged or no Parquet file ({why}); have it delivered again"


def _land(source: _Source, columns: Columns, workspace: Workspace, bad: str) -> int:
    """Let DuckDB read and write the file, without the records that SQL calls bad; their number."""
    values = [(coalesced(map(source.text, ps)), name) for name, ps in columns.places.items()]
    rows, number = source.relation, "null::bigint"
    if bad:
        rows, number = f"{source.numbered} where not ({bad})", "n"
    group = rows_per_group(source.records, source.size)
    return copy_rows(workspace, rows, values, number, group)


def _quarantine(source: _Source, places: Sequence[int], bad: str, workspace: Workspace) -> None:
    """Put the records with bytes that are not UTF-8 into quarantine, with all their columns."""
    found = workspace.connection.execute(
        f"select n, {source.all_values} from {source.numbered} where {bad}"
    )
    while row := found.fetchone():
        number, values = row[0], row[1:]
        reasons = (why_bad_bytes(source.names[p], values[p]) for p in places if values[p])
        why = next(filter(None, reasons))
        raw = row_as_json(source.names, values)
        workspace.quarantine.add(number, number, "bad_bytes", why, raw)


READER = Reader("parquet", "Parquet", read, texts, land_again, NoText)
