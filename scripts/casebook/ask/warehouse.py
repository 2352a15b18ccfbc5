"""Questions to the published warehouse: what it holds, what was rejected, where a row is from."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from casebook.errors import CasebookError
from casebook.sql import quote_name, quote_relation

if TYPE_CHECKING:
    import duckdb

# Given a table, `source` or `source.table`, and a raw file, either of which may be null.
_CHOSEN = """
    ($1 is null or $1 in (source_name, source_name || '.' || table_name))
    and ($2 is null or $2 = source_file)
"""


@dataclass(frozen=True)
class Origin:
    """A mart row and the raw record that it was made from.

    Attributes:
        table: `schema.table` of the mart.
        row: the mart's columns and values.
        source_file: the raw file's path under `raw/`.
        source_record: the record's number in it, from 1.
        landed: the record as it stands in the lake, declared columns and text values.
        file_hash: SHA-256 of the raw file that was landed.
        source_name: the dbt source.
        table_name: the dbt source table.
        format: the reader that read the file.
    """

    table: str
    row: dict[str, Any]
    source_file: str
    source_record: int
    landed: dict[str, str | None]
    file_hash: str
    source_name: str
    table_name: str
    format: str


@contextlib.contextmanager
def open_warehouse(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A read-only connection to the published warehouse.

    Raises:
        CasebookError: if nothing was published yet, or the file cannot be opened.
    """
    import duckdb

    if not path.exists():
        raise CasebookError("there is no warehouse yet", file=path, fix="run `casebook build`")
    try:
        connection = duckdb.connect(str(path), read_only=True)
    except duckdb.Error as error:
        raise CasebookError(
            f"the warehouse cannot be opened: {error}",
            file=path,
            fix="end the process that writes to it, or build it anew with `casebook build`",
        ) from error
    with connection:
        yield connection


def has_table(connection: duckdb.DuckDBPyConnection, schema: str, table: str) -> bool:
    """Whether the warehouse has a table or view of that name."""
    found = connection.execute(
        "select 1 from information_schema.tables where table_schema = ? and table_name = ?",
        [schema, table],
    )
    return found.fetchone() is not None


def rows_per_mart(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Rows of every mart after the last build, by `schema.table`, as the build recorded them."""
    last = connection.execute(
        "select rows_per_mart from audit.builds order by started_at desc limit 1"
    ).fetchone()
    return json.loads(last[0]) if last else {}


def rejects(
    connection: duckdb.DuckDBPyConnection, table: str | None = None, file: str | None = None
) -> list[tuple[str, str, str, int, float | None, str]]:
    """How many records were quarantined or rejected, by file, stage and reason.

    Args:
        connection: to the warehouse.
        table: `source` or `source.table` to look at; all of them by default.
        file: the raw file to look at; all of them by default.

    Returns:
        Rows of source file, stage (`quarantined` or `rejected`), reason code, number of records,
        their share of the file's records from 0 to 1, and an example: the message of the first
        that was quarantined, or how the first that was rejected begins.
    """
    return connection.execute(
        f"""
        select
            source_file,
            stage,
            case when stage = 'quarantined' then split_part(reasons, ': ', 1) else reasons end
                as reason,
            count(*),
            count(distinct source_record) / any_value(loaded_files.records),
            coalesce(arg_min(
                case
                    when stage = 'quarantined' then substr(reasons, strpos(reasons, ': ') + 2)
                    else left(raw_text, 80)
                end,
                source_record
            ), '')
        from audit.rejected_rows
        left join audit.loaded_files using (source_file, source_name, table_name)
        where {_CHOSEN}
        group by source_file, stage, reason
        order by source_file, stage, count(*) desc, reason
        """,
        [table, file],
    ).fetchall()


def rejected_records(
    connection: duckdb.DuckDBPyConnection, table: str | None = None, file: str | None = None
) -> Iterator[tuple[str, int, int | None, str, str, str]]:
    """Every quarantined or rejected record, in file order.

    Args:
        connection: to the warehouse.
        table: `source` or `source.table` to look at; all of them by default.
        file: the raw file to look at; all of them by default.

    Yields:
        Source file, record number, first line or None, stage, reasons, raw text.
    """
    found = connection.execute(
        f"""
        select source_file, source_record, first_line, stage, reasons, raw_text
        from audit.rejected_rows
        where {_CHOSEN}
        order by source_file, source_record
        """,
        [table, file],
    )
    while rows := found.fetchmany(1000):
        yield from rows


def trace(connection: duckdb.DuckDBPyConnection, table: str, key: Sequence[str]) -> list[Origin]:
    """The raw records behind the rows of a mart that have a key.

    Args:
        connection: to the warehouse.
        table: a mart that carries its rows' origin, as `votes` or `blog_analysis.votes`.
        key: the values of its key: of its first column, its second and so on.

    Raises:
        CasebookError: if there is no such mart, several have that name, it carries no origin or
            fewer columns, no row has that key, or the lake is not where it was.
    """
    import duckdb

    mart, key_columns = _traceable(connection, table, len(key))
    is_key = " and ".join(f"{quote_name(n)} = try_cast(? as {kind})" for n, kind in key_columns)
    found = connection.execute(f"select * from {quote_relation(mart)} where {is_key}", list(key))
    rows = _named(found)
    if not rows:
        given = zip(key_columns, key, strict=True)
        asked = " and ".join(f"{column} is {value}" for (column, _), value in given)
        fix = "`casebook rejects --raw` shows the records that are in no mart"
        raise CasebookError(f"{mart} has no row whose {asked}", fix=fix)
    origins = []
    for row in rows:
        place = row["source_file"], row["source_record"]
        ((source, raw_table, form),) = connection.execute(
            "select source_name, table_name, format from audit.loaded_files where source_file = ?",
            [place[0]],
        ).fetchall()
        raw = f"{quote_name(f'raw_{source}')}.{quote_name(raw_table)}"
        where = "_source_file = ? and _source_record = ?"
        try:
            (landed,) = _named(connection.execute(f"select * from {raw} where {where}", place))
        except duckdb.Error as error:
            raise CasebookError(
                f"the lake that the warehouse was built over cannot be read: {error}",
                fix="run `casebook build` with the lake in its place",
            ) from error
        values = {name: value for name, value in landed.items() if not name.startswith("_")}
        file_hash = landed["_file_hash"]
        origins.append(Origin(mart, row, *place, values, file_hash, source, raw_table, form))
    return origins


def _named(found: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _traceable(
    connection: duckdb.DuckDBPyConnection, table: str, key_length: int
) -> tuple[str, list[tuple[str, str]]]:
    """A mart that carries its rows' origin, and its first columns with their types."""
    marts: dict[str, list[tuple[str, str]]] = {}
    for mart, column, kind in connection.execute(
        """
        select table_schema || '.' || table_name, column_name, data_type
        from information_schema.columns
        where
            table_schema not in ('audit', 'staging', 'intermediate')
            and table_schema not like 'raw_%'
        order by table_schema, table_name, ordinal_position
        """
    ).fetchall():
        marts.setdefault(mart, []).append((column, kind))
    keys = {}
    for mart, columns in marts.items():
        names = [column for column, _ in columns]
        if "source_file" in names:
            keys[mart] = columns[: names.index("source_file")]
    named = [mart for mart in keys if table in (mart, mart.split(".", 1)[1])]
    if len(named) > 1:
        reason = f"{table} is the name of {' and '.join(named)}"
        raise CasebookError(reason, fix="name the schema, too")
    if not named:
        raise CasebookError(
            f"{table} is no mart whose rows carry their origin",
            fix=f"the marts that do: {', '.join(keys) or 'none yet'}",
        )
    key = keys[named[0]]
    if key_length > len(key):
        raise CasebookError(
            f"{named[0]} has no key of {key_length} columns",
            fix=f"give values of its first columns: {', '.join(column for column, _ in key)}",
        )
    return named[0], key[:key_length]
