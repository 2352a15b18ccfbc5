"""Brings the columns that a source declares with `decode:` to JSON, after a reader landed them."""

from __future__ import annotations

import ast
import json
import warnings
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from casebook.sql import quote_name, quote_text

if TYPE_CHECKING:
    import duckdb

    from casebook.sources import Table

_LONGEST_LITERAL = 2 << 20
_LONGEST_CACHED = 2048
_BATCH_ROWS = 64
_SMALLEST_ROW_GROUP = 2048
_SMALLEST_OBJECT_LIMIT = 16 << 20
_PARSED_AS = "casebook-literal"

# Python warns of `\d` in a literal. The filter is set once, for the name that literals are parsed
# under only: `catch_warnings` swaps the filters of the whole process, and files load in threads.
warnings.filterwarnings("ignore", module=f"{_PARSED_AS}$")


def literal_to_json(text: str) -> str:
    """A Python literal as compact JSON; a text that is JSON already, or is neither, as it is.

    JSON is what Python's own `json` takes. (It also takes `NaN` and `Infinity`, but no literal
    holds them, so that they stay as they are either way.) A literal is what `ast.literal_eval`
    takes, where JSON can say the same: dicts with text keys, lists, tuples (as lists), texts,
    integers with all their digits, finite floats as `repr` spells them, True, False and None. A
    text with half of a surrogate pair has no place in JSON, nor have sets or bytes.

    Args:
        text: at most 2 Mi characters are tried as a literal, because Python takes up to 500 bytes
            of memory for each.
    """
    try:
        json.loads(text)
        return text
    except (ValueError, RecursionError):
        pass
    if len(text) > _LONGEST_LITERAL:
        return text
    try:
        value = ast.literal_eval(ast.parse(text.lstrip(" \t"), _PARSED_AS, "eval"))
        if not _has_text_keys(value):
            return text
        spelled = _COMPACT.encode(value)
        spelled.encode("utf-8")
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text
    return spelled


_COMPACT = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _has_text_keys(value: object) -> bool:
    """Whether all keys in it are texts; of others, `json` would make texts."""
    if isinstance(value, dict):
        keys_are_texts = all(isinstance(key, str) for key in value)
        return keys_are_texts and all(map(_has_text_keys, value.values()))
    return not isinstance(value, (list, tuple)) or all(map(_has_text_keys, value))


_decode_short = lru_cache(8192)(literal_to_json)


def decode_columns(
    connection: duckdb.DuckDBPyConnection, folder: Path, landed: Path, table: Table
) -> None:
    """Decode a landed file's columns as its table declares; rewrite it only where that changes it.

    DuckDB singles out what is not JSON. Rows keep their order, so that a record number of NULL goes
    on to mean the row's position.

    Args:
        connection: a DuckDB connection with bounded memory.
        folder: a folder for temporary files on the same disk as the landed file.
        landed: the Parquet file that a reader wrote.
        table: its declared table.
    """
    columns = [quote_name(column.name) for column in table.columns if column.decode]
    if not columns:
        return
    # DuckDB takes a comma before a bracket that closes, which JSON has no place for.
    values = ", ".join(
        f"if(json_valid({name}) and not regexp_matches({name}, ',\\s*[\\]}}]'), null, {name})"
        for name in columns
    )
    rows = connection.execute(f"select {values} from read_parquet({quote_text(landed)})")
    spool, rewritten = folder / "decoded.jsonl", folder / "decoded.parquet"
    if longest := _spool_changes(rows, spool):
        _rewrite(connection, landed, spool, longest, columns, rewritten)
        rewritten.replace(landed)
    spool.unlink()


def _spool_changes(rows: duckdb.DuckDBPyConnection, spool: Path) -> int:
    """Write a line for each row, with what changes; returns the longest such line, or 0."""
    longest = 0
    with spool.open("wb") as file:
        while batch := rows.fetchmany(_BATCH_ROWS):
            for row in batch:
                changes = {
                    place: decoded
                    for place, text in enumerate(row)
                    if text is not None and (decoded := _decode(text)) != text
                }
                length = file.write(json.dumps(changes).encode("ascii") + b"\n")
                longest = max(longest, length if changes else 0)
    return longest


def _decode(text: str) -> str:
    return _decode_short(text) if len(text) <= _LONGEST_CACHED else literal_to_json(text)


def _rewrite(
    connection: duckdb.DuckDBPyConnection,
    landed: Path,
    spool: Path,
    longest: int,
    columns: list[str],
    target: Path,
) -> None:
    """Write the landed rows with the changes, joined by their place.

    A join by number does not keep the order, and to sort the rows takes more memory than a load
    has. Row groups stay as large as the reader found right for such rows.
    """
    changed = ", ".join(
        f'coalesce(changes."{place}", landed.{name}) as {name}'
        for place, name in enumerate(columns)
    )
    types = ", ".join(f"'{place}': 'VARCHAR'" for place in range(len(columns)))
    group = connection.execute(
        f"select max(row_group_num_rows) from parquet_metadata({quote_text(landed)})"
    ).fetchone()
    connection.execute(
        f"""
        copy (
            select landed.* replace ({changed})
            from read_parquet({quote_text(landed)}) as landed
            positional join read_json(
                {quote_text(spool)}, format = 'newline_delimited', records = true,
                columns = {{{types}}},
                maximum_object_size = {max(_SMALLEST_OBJECT_LIMIT, longest + 1)}
            ) as changes
        ) to {quote_text(target)} (
            format parquet, compression zstd,
            row_group_size {max(_SMALLEST_ROW_GROUP, group[0] if group else 0)}
        )
        """
    )
