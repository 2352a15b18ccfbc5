"""Parquet: columns by name, every value as the text that DuckDB has for it."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from casebook.errors import Refused
from casebook.readers.base import Raw, Reader, Reading, Workspace
from casebook.readers.columns import Columns, checked, coalesced, row_as_json, why_bad_bytes
from casebook.readers.count import NoText
from casebook.readers.json_rows import land_again
from casebook.readers.text import copy_rows, rows_per_group
from casebook.sql import connect, quote_text

if TYPE_CHECKING:
    import duckdb

_NESTED = re.compile(r"^(STRUCT|MAP|UNION)\(|\[\d*\]$|^VARIANT$")
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

    source = _Source(workspace.connection, raw.path)
    with source.refusing_failures():
        source.look()
        columns = checked(raw.table, source.names)
        for place in columns.read:
            if kind := source.inexact.get(place):
                raise Refused(
                    f"its column {source.names[place]} is of type {kind}, which would not be read"
                    " exactly; have it delivered as text, or as a decimal of at most 38 digits"
                )
        try:
            landed = _land(source, columns, workspace)
        except duckdb.ConversionException:
            blobs = [place for place in columns.read if source.types[place] == "BLOB"]
            if not blobs:
                raise
            bad = " or ".join(f"c{p} is not null and try(decode(c{p})) is null" for p in blobs)
            for number, *values in source.rows(f"where {bad}"):
                reasons = (why_bad_bytes(source.names[place], values[place]) for place in blobs)
                content = row_as_json(source.names, values)
                why = next(filter(None, reasons))
                workspace.quarantine.add(number, number, "bad_bytes", why, content)
            landed = _land(source, columns, workspace, bad)
    return Reading(source.records, landed, columns.ignored)


def texts(raw: Raw) -> Iterator[tuple[int, bytes]]:
    """The number of each record, and the record as a JSON object with all columns of the file."""
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder) / "raw"
        link.symlink_to(raw.path.absolute())
        with connect(Path(folder)) as connection:
            source = _Source(connection, link)
            with source.refusing_failures():
                source.look()
                for number, *values in source.rows():
                    yield number, row_as_json(source.names, values)


@dataclass
class _Source:
    """A Parquet file; SQL knows its columns as `c0`, `c1`, …, as DuckDB may name them anew."""

    connection: duckdb.DuckDBPyConnection
    path: Path
    names: list[str] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    inexact: dict[int, str] = field(default_factory=dict)
    relation: str = ""
    numbered: str = ""
    records: int = 0
    size: int = 0

    def look(self) -> None:
        """Find its columns, and how much it holds."""
        place = quote_text(self.path)
        self.connection.execute("set TimeZone = 'UTC'")
        options = "hive_partitioning = false, binary_as_string = false, union_by_name = false"
        file = f"read_parquet({place}, {options})"
        described = self.connection.execute(f"describe from {file}").fetchall()
        schema = self.connection.execute(
            f"select name, num_children, {_INEXACT} from parquet_schema({place})"
        ).fetchall()
        # Each group stands before its members, the whole first.
        left = 0
        for name, children, kind in schema[1:]:
            if not left:
                self.names.append(name)
                left = 1
            if kind:
                self.inexact[len(self.names) - 1] = kind
            left += (children or 0) - 1
        self.types = [row[1] for row in described]
        self.relation = f"{file} as file({', '.join(f'c{n}' for n in range(len(self.names)))})"
        self.numbered = f"(select *, row_number() over () as n from {self.relation})"
        if len(self.names) != len(self.types):
            raise Refused(f"its columns cannot be told apart: {', '.join(self.names)}")
        sizes = self.connection.execute(
            f"select (select num_rows from parquet_file_metadata({place})),"
            f" (select sum(total_uncompressed_size)::bigint from parquet_metadata({place}))"
        ).fetchone()
        self.records, self.size = (sizes[0] or 0, sizes[1] or 0) if sizes else (0, 0)

    def text(self, place: int) -> str:
        """SQL for a column's values as text; an error for bytes that are not UTF-8."""
        if self.types[place] == "BLOB":
            return f"decode(c{place})"
        is_nested = _NESTED.search(self.types[place])
        return f"cast({f'to_json(c{place})' if is_nested else f'c{place}'} as varchar)"

    def rows(self, where: str = "") -> Iterator[tuple[Any, ...]]:
        """Number and values of each record: text, bytes as they are, None."""
        kinds = enumerate(self.types)
        values = ", ".join(f"c{p}" if kind == "BLOB" else self.text(p) for p, kind in kinds)
        found = self.connection.execute(f"select n, {values} from {self.numbered} {where}")
        while row := found.fetchone():
            yield row

    @contextmanager
    def refusing_failures(self) -> Iterator[None]:
        """Turn DuckDB's errors about the file into refusals, and leave those about the lake."""
        import duckdb

        try:
            yield
        except duckdb.OutOfMemoryException:
            raise
        except duckdb.Error as error:
            for place, name in enumerate(self.names):
                try:
                    query = f"select max(hash(c{place})) from {self.relation}"
                    self.connection.execute(query).fetchall()
                except duckdb.Error as own:
                    if "nvalid string encoding" in str(own):
                        raise Refused(
                            f"its column {name} holds text that is not UTF-8; have it delivered as"
                            " UTF-8, or as a column of bytes"
                        ) from error
                    break
            else:
                if self.names and isinstance(error, duckdb.IOException):
                    raise
            reason = "it is damaged or no Parquet file; have it delivered again"
            raise Refused(reason) from error


def _land(source: _Source, columns: Columns, workspace: Workspace, bad: str = "") -> int:
    """Let DuckDB read and write the file, without the records that SQL calls bad; their number."""
    values = [(coalesced(map(source.text, ps)), name) for name, ps in columns.places.items()]
    rows, number = source.relation, "null::bigint"
    if bad:
        rows, number = f"{source.numbered} where not ({bad})", "n"
    group = rows_per_group(source.records, source.size)
    return copy_rows(workspace, rows, values, number, group)


READER = Reader("parquet", "Parquet", read, texts, land_again, NoText)
