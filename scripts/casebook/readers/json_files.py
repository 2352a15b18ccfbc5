"""JSON: one object a line; an array of objects; objects one after the other, or around arrays."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from typing import TYPE_CHECKING

from casebook.readers.archives import open_utf8
from casebook.readers.base import Raw, Reader, Reading, Workspace
from casebook.readers.columns import coalesced, match_columns
from casebook.readers.count import Counter, JsonCounter
from casebook.readers.json_rows import land_again, land_rows
from casebook.readers.json_split import elements
from casebook.readers.rows import LARGEST_GROUP, Spool, copy_rows
from casebook.readers.split import Splitter
from casebook.readers.text import Source, prepare, rows_of
from casebook.sql import quote_name, quote_text

if TYPE_CHECKING:
    from casebook.sources import Table

SMALL_FILE = 1 << 20
SEARCHED_BYTES = 64 << 20
SEARCHED_RECORDS = 100_000
_MOST_KEYS = 10_000


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
        blank = source.counter().lines - reading.landed
        if blank == (_count_blank(source) if blank else 0):
            return reading
    rows = rows_of(workspace, source, None, _line_end(source.counter()), has_quotes=False)
    return land_rows(raw.table, workspace, rows)


def read_array(raw: Raw, workspace: Workspace) -> Reading:
    """Land a file that holds one JSON array; a record's number is its place in the array.

    DuckDB reads it at once where the text ends in `]` and no row came out empty, as a bare `null`
    does; its rows are the count of records then. If not, elements are told apart, and SQL
    classifies each of them.

    Raises:
        Refused: if no record has a required column, or a record is too long.
    """
    source = prepare(raw, workspace, JsonCounter)
    reading = _land_at_once(raw.table, workspace, source, "array")
    if reading is not None and source.counter().last_byte == b"]":
        return reading
    return _land_elements(raw, workspace, source)


def read_objects(raw: Raw, workspace: Workspace) -> Reading:
    """Land objects that stand one after the other, or in a member of one object or of several.

    Raises:
        Refused: as `read_array`; also if an object has no such member.
    """
    return _land_elements(raw, workspace, prepare(raw, workspace, JsonCounter))


def texts_of_lines(raw: Raw) -> Iterator[tuple[int, bytes]]:
    """The number and the bytes of each line that is not blank."""
    number = count(1)
    splitter = Splitter(None, _line_end(raw.measured().text))
    with open_utf8(raw.path, raw.compression, raw.table.encoding) as text:
        for piece in splitter.split(text):
            for line in piece.raw.split(b"\n"):
                if line.strip():
                    yield next(number), line


def texts_of_elements(raw: Raw) -> Iterator[tuple[int, bytes]]:
    """The number and the bytes of each record."""
    with open_utf8(raw.path, raw.compression, raw.table.encoding) as text:
        for element in elements(text, raw.table.records_at):
            yield element.number, element.raw


def _line_end(counter: Counter) -> str:
    return "\r" if counter.returns and not counter.newlines else "\n"


def _count_blank(source: Source) -> int:
    with source.open() as text:
        pieces = Splitter(None, "\n").split(text)
        return sum(not line.strip() for piece in pieces for line in piece.raw.split(b"\n")[:-1])


def _land_elements(raw: Raw, workspace: Workspace, source: Source) -> Reading:
    spool = Spool(workspace.folder / "records.rows", is_numbered=True)
    with source.open() as text:
        for number, line, content, code, message in elements(text, raw.table.records_at):
            spool.add(content, code, message, 1, (number, line))
    return land_rows(raw.table, workspace, spool.rows())


def _land_at_once(table: Table, workspace: Workspace, source: Source, form: str) -> Reading | None:
    """Let DuckDB read and write a whole file, whose format `form` is in its words.

    Spellings are looked for in the whole file up to `SEARCHED_BYTES`; in a larger one the declared
    names and aliases are read wherever they stand, and others only if they stand in the first
    `SEARCHED_RECORDS` records. None where the file is not as clean as that, or lacks a required
    column.
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
            values.append((coalesced(map(quote_name, names)), column.name))
        types_of = f"records = true, columns = {{{', '.join(types)}}}"
        query = f"read_json({_whole(source, form)}, {types_of})"
        landed = copy_rows(workspace, query, values, "null::bigint", LARGEST_GROUP)
        if source.size >= SMALL_FILE and not _has_value_each(table, workspace):
            return None
    except duckdb.Error:
        return None
    is_exact = not source.counter().has_rounded
    return Reading(landed, landed, columns.ignored) if is_exact else None


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
        lines = [line for line in content.split(b"\n") if line.strip()]
        is_array = form == "array"
        records = json.loads(content) if is_array else [json.loads(line) for line in lines]
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
    compression = quote_text(source.compression or "uncompressed")
    return f"{quote_text(source.path)}, format = {quote_text(form)}, compression = {compression}"


LINES = Reader("json_lines", "JSON", read_lines, texts_of_lines, land_again, JsonCounter)
ARRAY = Reader("json_array", "JSON", read_array, texts_of_elements, land_again, JsonCounter)
OBJECTS = Reader("json_objects", "JSON", read_objects, texts_of_elements, land_again, JsonCounter)
