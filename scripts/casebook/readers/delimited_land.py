"""Lands delimited records: all at once by DuckDB where the file is clean, else one by one."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from casebook.errors import Refused
from casebook.readers.base import RECORD_COLUMN, Raw, Workspace
from casebook.readers.delimited_header import Columns, Header
from casebook.readers.delimited_split import Record
from casebook.sql import quote_name, quote_text

if TYPE_CHECKING:
    import duckdb

    from casebook.sources import Table

LARGE_FILE = 8 << 20
_ROWS = 122880
_SETTINGS = ("memory_limit", "threads", "temp_directory", "preserve_insertion_order")
_ROW_GROUP_BYTES = 32 << 20
_SMALLEST_LINE_LIMIT = 1 << 20


def land_at_once(raw: Raw, workspace: Workspace, header: Header, columns: Columns) -> int | None:
    """Let DuckDB read and write the whole file.

    A large file is read before it is known to be clean, in a database of its own: on some bad
    bytes DuckDB fails in a way that makes the whole database useless.

    Returns:
        The number of rows landed, or None where DuckDB cannot read the file.
    """
    import duckdb

    is_large = raw.path.stat().st_size >= LARGE_FILE
    query = f"""
        select {_columns(raw.table, columns)}, null::bigint as {RECORD_COLUMN}
        from read_csv(
            {quote_text(raw.path)}, {_dialect(header.delimiter)}, header = true,
            columns = {{{_types(header)}}}, compression = {quote_text(raw.compression or "none")}
        )
    """
    try:
        with (
            _like(workspace.connection)
            if is_large
            else nullcontext(workspace.connection) as connection
        ):
            return _copy(connection, query, workspace.landed, _ROWS)
    except duckdb.Error:
        return None


def land_one_by_one(
    table: Table, workspace: Workspace, header: Header, columns: Columns, records: Iterable[Record]
) -> int:
    """Put the bad records into quarantine, and land the good ones.

    Those are handed to DuckDB as text with nothing in it that may be taken in two ways.

    Args:
        table: the declaration.
        workspace: where to work.
        header: the records' delimiter and header.
        columns: which of their fields are to be landed.
        records: the records, without the header.

    Returns:
        The number of rows landed.

    Raises:
        Refused: if DuckDB does not land every good record.
    """
    import duckdb

    spool = _spool_good(workspace, header.delimiter, records)
    limit = max(_SMALLEST_LINE_LIMIT, spool.longest + 1)
    query = f"""
        select {_columns(table, columns)}, n as {RECORD_COLUMN}
        from read_csv(
            {quote_text(spool.path)}, {_dialect(header.delimiter)}, header = false,
            new_line = '\\n', columns = {{n: 'BIGINT', {_types(header)}}}, compression = 'none',
            max_line_size = {limit}, buffer_size = {2 * limit}, parallel = {spool.is_one_line_each}
        )
    """
    rows = max(2048, min(_ROWS, _ROW_GROUP_BYTES * spool.records // max(spool.size, 1)))
    try:
        landed = _copy(workspace.connection, query, workspace.landed, rows)
    except (duckdb.InvalidInputException, duckdb.ConversionException) as error:
        raise Refused(f"a record cannot be landed: {str(error).splitlines()[0]}") from error
    if landed != spool.records:
        raise Refused(f"{spool.records} good records were found, but {landed} rows landed")
    spool.path.unlink()
    return landed


@dataclass
class _Spool:
    """Good records in a temporary file, each with its number before it.

    Attributes:
        path: the file.
        records: how many there are.
        size: their bytes.
        longest: the bytes of the longest.
        is_one_line_each: whether there is no end of a line within any.
    """

    path: Path
    records: int = 0
    size: int = 0
    longest: int = 0
    is_one_line_each: bool = True


def _spool_good(workspace: Workspace, delimiter: str, records: Iterable[Record]) -> _Spool:
    """Write the good ones of the records into a spool, and put the others into quarantine."""
    spool, separator = _Spool(workspace.folder / "good.csv"), delimiter.encode()
    with spool.path.open("wb") as file:
        for record in records:
            payload = record.payload
            if payload is None:
                workspace.quarantine.add(
                    record.number,
                    record.first_line,
                    record.reason_code or "",
                    record.message,
                    record.raw,
                )
                continue
            length = file.write(b"%d%b%b\n" % (record.number, separator, payload))
            spool.records += 1
            spool.size += length
            if length > spool.longest:
                spool.longest = length
            if b"\n" in payload:
                spool.is_one_line_each = False
    return spool


def _like(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """A connection to another database, with the same bounds."""
    import duckdb

    values = ", ".join(f"current_setting({quote_text(name)})" for name in _SETTINGS)
    row = connection.execute(f"select {values}").fetchone() or ()
    return duckdb.connect(config=dict(zip(_SETTINGS, map(str, row), strict=True)))


def _columns(table: Table, columns: Columns) -> str:
    """The declared columns; NULL stands for those that the file does not have."""
    sources = (
        (f"c{columns.place_of[c.name]}" if c.name in columns.place_of else "null::varchar", c.name)
        for c in table.columns
    )
    return ", ".join(f"{source} as {quote_name(name)}" for source, name in sources)


def _types(header: Header) -> str:
    """The columns of the file by their places, all text."""
    return ", ".join(f"c{place}: 'VARCHAR'" for place in range(len(header.names)))


def _dialect(delimiter: str) -> str:
    """What DuckDB is told of every text, so that it guesses nothing.

    SQL literals, as where JSON is landed: duckdb is slow to bind parameters.
    """
    return (
        f"auto_detect = false, delim = {quote_text(delimiter)}, quote = '\"', escape = '\"',"
        " strict_mode = true, null_padding = false"
    )


def _copy(connection: duckdb.DuckDBPyConnection, query: str, target: Path, row_group: int) -> int:
    row = connection.execute(
        f"copy ({query}) to {quote_text(target)}"
        f" (format parquet, compression zstd, row_group_size {row_group})"
    ).fetchone()
    return row[0] if row else 0
