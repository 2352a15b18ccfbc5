"""Lands JSON records: all at once by DuckDB where the file is clean, else one by one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from casebook.errors import Refused
from casebook.readers.base import RECORD_COLUMN, Raw, Text, Workspace
from casebook.readers.json_judge import Record, ask, judge_all
from casebook.readers.json_keys import SAMPLE_RECORDS, Keys, match_keys
from casebook.sql import quote_name, quote_text

if TYPE_CHECKING:
    import duckdb

    from casebook.sources import Table

SMALL_FILE = 1 << 20
_DOUBTFUL_BYTES = 4 << 20
_SMALLEST_OBJECT_LIMIT = 16 << 20
_ROW_GROUP_BYTES = 32 << 20


def find_keys(raw: Raw, workspace: Workspace, form: str, records: Iterable[Record]) -> Keys:
    """Match the keys of a file's first records to the declared columns.

    DuckDB looks at larger files; where it cannot, and for small ones, Python does.

    Args:
        raw: the file.
        workspace: where to work.
        form: DuckDB's word for the format, `newline_delimited` or `array`.
        records: the file's records, not judged yet.

    Raises:
        Refused: if there are objects among them, and none of them has a required column.
    """
    import duckdb

    if raw.path.stat().st_size >= SMALL_FILE:
        try:
            row = workspace.connection.execute(
                f"""
                select
                    count(*) filter (where json_type(json) = 'OBJECT'),
                    list_distinct(flatten(list(json_keys(json))))
                from (
                    select json from read_json_objects({_whole_file(raw, form)})
                    limit {SAMPLE_RECORDS}
                )
                """
            ).fetchone()
            if row is not None:
                return match_keys(raw.table, row[1] or [], row[0])
        except duckdb.Error:
            pass
    objects, found = _look_at(islice(records, SAMPLE_RECORDS), workspace)
    return match_keys(raw.table, found, objects)


def _look_at(records: Iterable[Record], workspace: Workspace) -> tuple[int, set[str]]:
    """How many of the records are objects, and their keys."""
    objects, found = 0, set()
    doubtful: list[str] = []
    size = 0
    for record in records:
        try:
            text = record.raw.strip().decode("utf-8")
        except UnicodeDecodeError:
            continue
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            doubtful.append(text)
            size += len(text)
            if size > _DOUBTFUL_BYTES:
                objects += _add_opinions(doubtful, workspace, found)
                doubtful, size = [], 0
            continue
        if isinstance(value, dict):
            objects += 1
            found.update(value)
    return objects + _add_opinions(doubtful, workspace, found), found


def _add_opinions(texts: list[str], workspace: Workspace, found: set[str]) -> int:
    objects = [
        opinion
        for opinion in ask(texts, workspace.connection, workspace.folder)
        if opinion is not None and opinion.kind == "OBJECT"
    ]
    found.update(*(opinion.keys for opinion in objects))
    return len(objects)


def land_at_once(raw: Raw, workspace: Workspace, form: str, keys: Keys) -> int | None:
    """Let DuckDB read and write the whole file.

    Args:
        raw: the file.
        workspace: where to work.
        form: DuckDB's word for the format, `newline_delimited` or `array`.
        keys: the file's keys.

    Returns:
        The number of rows landed, or None where DuckDB cannot read the file.
    """
    import duckdb

    if keys.other_spellings:
        return None
    columns = [f"{quote_name(key)} as {quote_name(column)}" for column, key in keys.key_of.items()]
    types = ", ".join(f"{quote_text(key)}: 'VARCHAR'" for key in keys.key_of.values())
    # Without `records`, one column alone takes whole records in where the first hold little.
    query = f"""
        select {", ".join(columns)}, null::bigint as {RECORD_COLUMN}
        from read_json({_whole_file(raw, form)}, records = true, columns = {{{types}}})
    """
    try:
        return _copy(workspace.connection, query, workspace.landed, 122880)
    except duckdb.Error:
        return None


def count_empty_rows(raw: Raw, workspace: Workspace) -> int:
    """Landed rows without a value in any column: DuckDB takes a bare `null` for such a record."""
    tests = " and ".join(f"{quote_name(column.name)} is null" for column in raw.table.columns)
    row = workspace.connection.execute(
        f"select count(*) from read_parquet({quote_text(workspace.landed)}) where {tests}"
    ).fetchone()
    return row[0] if row else 0


def land_one_by_one(workspace: Workspace, records: Iterable[Record], keys: Keys) -> int:
    """Judge each record, put the bad ones into quarantine and land the others.

    The good ones are handed to DuckDB as they stand in the file, so that their values land exactly
    as they would from a clean file.

    Args:
        workspace: where to work.
        records: the file's records, not judged yet.
        keys: the file's keys.

    Returns:
        The number of rows landed.

    Raises:
        Refused: if DuckDB and the judge do not agree.
    """
    import duckdb

    spool = workspace.folder / "good.jsonl"
    good, size, longest = 0, 0, 0
    with spool.open("wb") as file:
        opinions = partial(ask, connection=workspace.connection, folder=workspace.folder)
        for record in judge_all(records, keys, opinions):
            if record.payload is None:
                workspace.quarantine.add(
                    record.number,
                    record.first_line,
                    record.reason_code or "not_json",
                    record.message,
                    record.raw.rstrip(b"\r\n"),
                )
                continue
            length = file.write(b'{"n":%d,"r":%s}\n' % (record.number, record.payload))
            good += 1
            size += length
            longest = max(longest, length)
    columns = [
        f"r.{quote_name(key)} as {quote_name(column)}" for column, key in keys.key_of.items()
    ]
    fields = ", ".join(f"{quote_name(key)} VARCHAR" for key in keys.key_of.values())
    query = f"""
        select {", ".join(columns)}, n as {RECORD_COLUMN}
        from read_json(
            {quote_text(spool)}, format = 'newline_delimited',
            columns = {{n: 'BIGINT', r: {quote_text(f"STRUCT({fields})")}}},
            maximum_object_size = {max(_SMALLEST_OBJECT_LIMIT, longest + 1)}
        )
    """
    rows = max(2048, min(122880, _ROW_GROUP_BYTES * good // max(size, 1)))
    try:
        landed = _copy(workspace.connection, query, workspace.landed, rows)
    except (duckdb.InvalidInputException, duckdb.ConversionException) as error:
        raise Refused(f"a record cannot be landed: {str(error).splitlines()[0]}") from error
    if landed != good:
        raise Refused(f"{good} good records were found, but {landed} rows landed")
    spool.unlink()
    return landed


def land_again(
    table: Table, workspace: Workspace, layout: dict[str, Any], texts: Sequence[Text]
) -> int:
    """Land JSON records by themselves (`Reader.again`): each is judged as in its file.

    Their keys are matched anew, so that an alias counts that was declared since. A required column
    may be missing: that is a question about a file, and staging rejects such a record.
    """
    records = [Record(text.number, text.first_line, text.raw) for text in texts]
    _, found = _look_at(records, workspace)
    keys = match_keys(table, found, objects=0)
    return land_one_by_one(workspace, records, keys)


def _whole_file(raw: Raw, form: str) -> str:
    """The arguments with which DuckDB reads the raw file itself.

    SQL literals, here and below: where a parameter is bound, duckdb looks for pandas each time,
    which takes longer than loading a small file.
    """
    compression = raw.compression or "uncompressed"
    return (
        f"{quote_text(raw.path)}, format = {quote_text(form)},"
        f" compression = {quote_text(compression)}"
    )


def _copy(connection: duckdb.DuckDBPyConnection, query: str, target: Path, row_group: int) -> int:
    row = connection.execute(
        f"copy ({query}) to {quote_text(target)}"
        f" (format parquet, compression zstd, row_group_size {row_group})"
    ).fetchone()
    return row[0] if row else 0
