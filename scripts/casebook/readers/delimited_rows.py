"""Lands delimited records: all at once by DuckDB where the file is clean, else as rows of text."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

from casebook.readers.base import Workspace
from casebook.readers.columns import Columns
from casebook.readers.header import Header
from casebook.readers.rows import Rows, copy_rows
from casebook.readers.text import Source
from casebook.sql import quote_text

if TYPE_CHECKING:
    import duckdb

    from casebook.sources import Table

LARGE_FILE = 8 << 20
_ROWS = 122_880
_SETTINGS = ("memory_limit", "threads", "temp_directory", "preserve_insertion_order")


def land_at_once(
    table: Table, workspace: Workspace, source: Source, header: Header, columns: Columns
) -> int | None:
    """Let DuckDB read and write the whole file.

    A large file is read before it is known to be clean, in a database of its own: on some bad
    bytes DuckDB fails in a way that makes the whole database useless.

    Returns:
        The number of rows landed, or None where DuckDB cannot read the file.
    """
    import duckdb

    is_large = source.size >= LARGE_FILE
    types = ", ".join(f"c{place}: 'VARCHAR'" for place in range(len(header.names)))
    query = f"""
        read_csv(
            {quote_text(source.path)}, auto_detect = false, header = true, columns = {{{types}}},
            delim = {quote_text(header.delimiter)}, quote = '"', escape = '"', strict_mode = true,
            null_padding = false, compression = {quote_text(source.compression or "none")}
        )
    """
    values = [(_coalesce(f"c{p}" for p in places), name) for name, places in columns.places.items()]
    try:
        own = _like(workspace.connection) if is_large else nullcontext(workspace.connection)
        with own as connection:
            there = Workspace(connection, workspace.folder, workspace.landed, workspace.quarantine)
            return copy_rows(there, query, values, "null::bigint", _ROWS)
    except duckdb.Error:
        return None


def land_rows(
    table: Table,
    workspace: Workspace,
    rows: Rows,
    records: str,
    header: Header,
    columns: Columns,
    has_quotes: bool = True,
) -> tuple[int, int]:
    """Take rows of text apart, land the good ones and put the others into quarantine.

    Args:
        table: the declaration.
        workspace: where to work.
        rows: the rows.
        records: SQL for the numbered records among them.
        header: the records' delimiter and header.
        columns: which of their fields are to be landed.
        has_quotes: whether there may be quotes in them.

    Returns:
        How many records there are: those that landed, and those in quarantine; and the former.
    """
    delimiter = quote_text(header.delimiter)
    field = f'("(?:[^"]|"")*"|[^"{_escape(header.delimiter)}][^{_escape(header.delimiter)}]*|)'
    pattern = quote_text(_escape(header.delimiter) + field)
    is_quoted = "contains(text, '\"')" if has_quotes else "false"
    fields = f"""
        case
            when quoted then regexp_extract_all({delimiter} || text, {pattern}, 1)
            else string_split(text, {delimiter})
        end
    """
    width = len(header.names)
    is_good = f"code is null and len(fields) = {width}"
    if header.has_extra:
        is_good += f" and fields[{width}] in ('', '\"\"')"
    split = f"(select *, {fields} as fields from (select *, {is_quoted} as quoted from {records}))"
    values = [
        (_coalesce(f"nullif({_unquoted(place + 1)}, '')" for place in places), name)
        for name, places in columns.places.items()
    ]
    good = f"(select * from {split} where {is_good})"
    landed = copy_rows(workspace, good, values, "n", rows.row_group)
    shown = width - header.has_extra
    message = f"coalesce(message, len(fields) || ' fields instead of {shown}')"
    bad = workspace.quarantine.add_query(
        workspace.connection,
        "select n as record, first_line, coalesce(code, 'wrong_field_count') as reason_code,"
        f" {message} as message, coalesce(raw, encode(text)) as raw"
        f" from {split} where not ({is_good})",
    )
    return landed + bad, landed


def _unquoted(place: int) -> str:
    """SQL for a field without its quotes."""
    field = f"fields[{place}]"
    return (
        f"case when quoted and starts_with({field}, '\"')"
        f" then replace({field}[2:-2], '\"\"', '\"') else {field} end"
    )


def _coalesce(values: object) -> str:
    held = ", ".join(values)  # type: ignore[arg-type]
    return f"coalesce({held})" if held else "null::varchar"


def _escape(delimiter: str) -> str:
    return "\\" + delimiter if delimiter in "|^$.*+?()[]{}\\-/" else delimiter


def _like(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """A connection to another database, with the same bounds."""
    import duckdb

    values = ", ".join(f"current_setting({quote_text(name)})" for name in _SETTINGS)
    row = connection.execute(f"select {values}").fetchone() or ()
    return duckdb.connect(config=dict(zip(_SETTINGS, map(str, row), strict=True)))
