"""JSON: one object a line; an array of objects; objects one after the other, or around arrays."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from casebook.readers.archives import open_utf8
from casebook.readers.base import Raw, Reader, Reading, Workspace
from casebook.readers.columns import coalesced, first_keys, match_columns
from casebook.readers.count import JsonCounter
from casebook.readers.json_rows import land_again, land_rows
from casebook.readers.json_split import elements, runs
from casebook.readers.split import Splitter
from casebook.readers.text import LARGEST_GROUP, Source, Spool, copy_rows, prepare, spool_records
from casebook.sql import quote_name, quote_text

if TYPE_CHECKING:
    from casebook.sources import Table

SMALL_FILE = 1 << 20
# In a larger file spellings other than those declared are looked for in so many records only.
SEARCHED_BYTES = 64 << 20
SEARCHED_RECORDS = 100_000


def read_lines(raw: Raw, workspace: Workspace) -> Reading:
    """Land a file of JSON lines; blank lines count for nothing.

    DuckDB reads it at once, if the rows landed are as many as the lines that an independent pass
    counted, less the blank ones. If not, SQL classifies it line by line; then the lines must be as
    many as that pass counted.

    Raises:
        Refused: if no record has a required column, or a line is too long.
    """
    source = prepare(raw, workspace, JsonCounter)
    reading = _land_at_once(raw.table, workspace, source, "newline_delimited")
    if reading is not None:
        blank = source.counter().lines() - reading.landed
        if blank == (_count_blank(source) if blank else 0):
            return reading
    spool = spool_records(workspace, source, None, source.counter().line_end)
    return land_rows(raw.table, workspace, spool, is_exact=source.counter().is_exact)


def read_elements(raw: Raw, workspace: Workspace, *, is_array: bool) -> Reading:
    """Land the elements of an array, or objects one after the other or in members of objects.

    DuckDB reads an array at once where the text ends in `]` and no row came out empty, as a bare
    `null` does; its rows are the count of records then. If not, elements are told apart, and SQL
    classifies each of them. A record's number is its place.

    Raises:
        Refused: if no record has a required column, a record is too long, or an object has no
            member that holds records.
    """
    source = prepare(raw, workspace, JsonCounter)
    reading = _land_at_once(raw.table, workspace, source, "array") if is_array else None
    if reading is not None and source.counter().last_byte == b"]":
        return reading
    spool = Spool(workspace.folder / "records.rows", is_numbered=True)
    with source.open() as text:
        for run in runs(text, raw.table.records_at):
            if len(run.raws) > 1:
                spool.add_plain(run.number, run.lines, run.raws)
            else:
                spool.add(run.raws[0], run.code, run.message, 1, (run.number, run.lines[0]))
    return land_rows(raw.table, workspace, spool, is_exact=source.counter().is_exact)


def texts_of_lines(raw: Raw) -> Iterator[tuple[int, bytes]]:
    """The number and the bytes of each line that is not blank."""
    with open_utf8(raw.path, raw.compression, raw.table.encoding) as text:
        pieces = Splitter(None, raw.measured().text.line_end).split(text)
        lines = (line for piece in pieces for line in piece.records)
        yield from enumerate((line for line in lines if line.strip()), 1)


def texts_of_elements(raw: Raw) -> Iterator[tuple[int, bytes]]:
    """The number and the bytes of each record."""
    with open_utf8(raw.path, raw.compression, raw.table.encoding) as text:
        for element in elements(text, raw.table.records_at):
            yield element.number, element.raw


def _count_blank(source: Source) -> int:
    with source.open() as text:
        pieces = Splitter(None, "\n").split(text)
        return sum(not line.strip() for piece in pieces for line in piece.records)


def _land_at_once(table: Table, workspace: Workspace, source: Source, form: str) -> Reading | None:
    """Let DuckDB read and write a file; None where it is not clean, or lacks a required column."""
    import duckdb

    try:
        keys = _find_keys(table, workspace, source, form)
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
            values.append((coalesced(map(quote_name, names)), column.name))
        types_of = f"records = true, columns = {{{', '.join(types)}}}"
        query = f"read_json({_whole(source, form)}, {types_of})"
        landed = copy_rows(workspace, query, values, "null::bigint", LARGEST_GROUP)
        if source.size >= SMALL_FILE and not _has_value_each(table, workspace):
            return None
    except duckdb.Error:
        return None
    return Reading(landed, landed, columns.ignored) if source.counter().is_exact else None


def _has_value_each(table: Table, workspace: Workspace) -> bool:
    """Whether each landed row has a value; DuckDB takes a bare `null` for an object without any."""
    tests = " and ".join(f"{quote_name(column.name)} is null" for column in table.columns)
    row = workspace.connection.execute(
        f"select count(*) from read_parquet({quote_text(workspace.landed)}) where {tests}"
    ).fetchone()
    return row == (0,)


def _find_keys(table: Table, workspace: Workspace, source: Source, form: str) -> list[str] | None:
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
            ) {first_keys(table)}
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
        lines = [content] if form == "array" else filter(bytes.strip, content.split(b"\n"))
        found = list(map(json.loads, lines))
    except (ValueError, RecursionError):
        return None
    records = found[0] if form == "array" else found
    if not records or any(type(record) is not dict for record in records):
        return None
    return sorted({key for record in records for key in record})


def _whole(source: Source, form: str) -> str:
    """The arguments with which DuckDB reads a file itself."""
    # Literals: where a parameter is bound, duckdb looks for pandas, which takes long.
    compression = quote_text(source.compression or "uncompressed")
    return f"{quote_text(source.path)}, format = {quote_text(form)}, compression = {compression}"


LINES = Reader("json_lines", "JSON", read_lines, texts_of_lines, land_again, JsonCounter)
ARRAY, OBJECTS = (
    Reader(name, "JSON", read, texts_of_elements, land_again, JsonCounter)
    for name, read in (
        ("json_array", partial(read_elements, is_array=True)),
        ("json_objects", partial(read_elements, is_array=False)),
    )
)
