"""Lands clean JSON at once: DuckDB reads and writes the whole file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from casebook.readers.base import RECORD_COLUMN, Workspace
from casebook.readers.columns import match_columns
from casebook.readers.text import Source
from casebook.sql import quote_name, quote_text

if TYPE_CHECKING:
    from casebook.sources import Table

SMALL_FILE = 1 << 20
SEARCHED_BYTES = 64 << 20
SEARCHED_RECORDS = 100_000
_MOST_KEYS = 10_000
_ROWS = 122_880


def land_at_once(
    table: Table, workspace: Workspace, source: Source, form: str
) -> tuple[int, list[str]] | None:
    """Let DuckDB read and write a whole file.

    Spellings are looked for in the whole file up to `SEARCHED_BYTES`; in a larger one the declared
    names and aliases are read wherever they stand, and others only if they stand in the first
    `SEARCHED_RECORDS` records.

    Args:
        table: the declaration.
        workspace: where to work.
        source: the file.
        form: DuckDB's word for the format, `newline_delimited` or `array`.

    Returns:
        The number of rows landed, and the keys that are ignored; None where the file is not as
        clean as that, or lacks a required column.
    """
    import duckdb

    try:
        keys = _find_keys(workspace, source, form)
        if keys is None:
            return None
        columns = match_columns(table, keys)
        spelled = {key.lower(): key for key in keys}
        if columns.missing or len({keys[p].lower() for p in columns.read}) < len(columns.read):
            return None
        values, types = [], []
        for column in table.columns:
            names = [spelled.get(name.lower(), name) for name in (column.name, *column.aliases)]
            types += [f"{quote_text(name)}: 'VARCHAR'" for name in names]
            value = ", ".join(map(quote_name, names))
            value = f"coalesce({value})" if len(names) > 1 else value
            values.append(f"{value} as {quote_name(column.name)}")
        row = workspace.connection.execute(
            f"""
            copy (
                select {", ".join(values)}, null::bigint as {RECORD_COLUMN}
                from read_json({_whole(source, form)}, records = true,
                    columns = {{{", ".join(types)}}})
            ) to {quote_text(workspace.landed)}
            (format parquet, compression zstd, row_group_size {_ROWS})
            """
        ).fetchone()
        if source.size >= SMALL_FILE and not _has_value_each(table, workspace):
            return None
        if source.counter().has_long_decimals:
            return None
        return (row[0] if row else 0), columns.ignored
    except duckdb.Error:
        return None


def _has_value_each(table: Table, workspace: Workspace) -> bool:
    """Whether each landed row has a value; DuckDB takes a bare `null` for an object without any."""
    tests = " and ".join(f"{quote_name(column.name)} is null" for column in table.columns)
    row = workspace.connection.execute(
        f"select count(*) from read_parquet({quote_text(workspace.landed)}) where {tests}"
    ).fetchone()
    return row == (0,)


def _find_keys(workspace: Workspace, source: Source, form: str) -> list[str] | None:
    """The keys of a file's records; None where it has none, or is not clean."""
    if source.size < SMALL_FILE:
        return _keys_of_small(source, form)
    limit = f"limit {SEARCHED_RECORDS}" if source.size > SEARCHED_BYTES else ""
    row = workspace.connection.execute(
        f"""
        select list(key order by key) from (
            select distinct unnest(keys) as key from (
                select distinct json_keys(json) as keys
                from (select json from read_json_objects({_whole(source, form)}) {limit})
            ) limit {_MOST_KEYS}
        )
        """
    ).fetchone()
    return row[0] if row else None


def _keys_of_small(source: Source, form: str) -> list[str] | None:
    """As `_find_keys`, without the time that a query takes."""
    with source.open() as text:
        content = text.read(SMALL_FILE + 1)
    if len(content) > SMALL_FILE:
        return None
    try:
        lines = content.split(b"\n") if form == "newline_delimited" else ()
        records = [json.loads(line) for line in lines if line.strip()] if lines else None
        records = json.loads(content) if records is None else records
    except (ValueError, RecursionError):
        return None
    if not records or any(type(record) is not dict for record in records):
        return None
    return sorted({key for record in records for key in record})


def _whole(source: Source, form: str) -> str:
    """The arguments with which DuckDB reads a file itself.

    SQL literals: where a parameter is bound, duckdb looks for pandas, which takes longer than
    loading a small file.
    """
    compression = source.compression or "uncompressed"
    return (
        f"{quote_text(source.path)}, format = {quote_text(form)},"
        f" compression = {quote_text(compression)}"
    )
