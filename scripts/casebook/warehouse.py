"""Questions to the published warehouse: what it holds, what was rejected, where a row is from."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from casebook.errors import CasebookError

if TYPE_CHECKING:
    import duckdb


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


def outlier_weeks(connection: duckdb.DuckDBPyConnection) -> list[tuple[int, int, int]]:
    """`blog_analysis.outlier_weeks`: year, week number and votes, earliest first."""
    return connection.execute("from blog_analysis.outlier_weeks").fetchall()


def rejects(
    connection: duckdb.DuckDBPyConnection, table: str | None = None, file: str | None = None
) -> list[tuple[str, str, str, int]]:
    """How many records were quarantined or rejected, by file, stage and reasons.

    Args:
        connection: to the warehouse.
        table: `source` or `source.table` to look at; all of them by default.
        file: the raw file to look at; all of them by default.

    Returns:
        Rows of source file, stage (`quarantined` or `rejected`), reasons, number of records.
    """
    return connection.execute(
        """
        select source_file, stage, reasons, count(*)
        from audit.rejected_rows
        where
            ($1 is null or $1 in (source_name, source_name || '.' || table_name))
            and ($2 is null or $2 = source_file)
        group by all
        order by source_file, stage, count(*) desc, reasons
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
        """
        select source_file, source_record, first_line, stage, reasons, raw_text
        from audit.rejected_rows
        where
            ($1 is null or $1 in (source_name, source_name || '.' || table_name))
            and ($2 is null or $2 = source_file)
        order by source_file, source_record
        """,
        [table, file],
    )
    while rows := found.fetchmany(1000):
        yield from rows


def trace(connection: duckdb.DuckDBPyConnection, table: str, key: str) -> list[Origin]:
    """The raw records behind the rows of a mart that have a key.

    Args:
        connection: to the warehouse.
        table: a mart that carries its rows' origin, as `votes` or `blog_analysis.votes`.
        key: the value of its key, its first column.

    Raises:
        CasebookError: if there is no such mart, it carries no origin, no row has that key, or
            the lake is not where it was when the warehouse was built.
    """
    import duckdb

    schema, name, key_column, key_type = _traceable(connection, table)
    rows = connection.execute(
        f'select * from "{schema}"."{name}" where "{key_column}" = try_cast(? as {key_type})', [key]
    )
    columns = [column[0] for column in rows.description]
    found = [dict(zip(columns, row, strict=True)) for row in rows.fetchall()]
    if not found:
        raise CasebookError(
            f"{schema}.{name} has no row whose {key_column} is {key}",
            fix="`casebook rejects --raw` shows the records that are in no mart",
        )
    origins = []
    for row in found:
        source, raw_table, form = connection.execute(
            "select source_name, table_name, format from audit.loaded_files where source_file = ?",
            [row["source_file"]],
        ).fetchone()
        try:
            record = connection.execute(
                f'select * from "raw_{source}"."{raw_table}"'
                " where _source_file = ? and _source_record = ?",
                [row["source_file"], row["source_record"]],
            )
        except duckdb.Error as error:
            raise CasebookError(
                f"the lake that the warehouse was built over cannot be read: {error}",
                fix="run `casebook build` with the lake in its place",
            ) from error
        names = [column[0] for column in record.description]
        landed = dict(zip(names, record.fetchone(), strict=True))
        origins.append(
            Origin(
                table=f"{schema}.{name}",
                row=row,
                source_file=row["source_file"],
                source_record=row["source_record"],
                landed={k: v for k, v in landed.items() if not k.startswith("_")},
                file_hash=landed["_file_hash"],
                source_name=source,
                table_name=raw_table,
                format=form,
            )
        )
    return origins


def _traceable(connection: duckdb.DuckDBPyConnection, table: str) -> tuple[str, str, str, str]:
    """Schema, name, key column and its type of a mart that carries `source_file`."""
    marts = connection.execute(
        """
        select origin.table_schema, origin.table_name, key.column_name, key.data_type
        from information_schema.columns as origin
        inner join information_schema.columns as key
            on
                origin.table_schema = key.table_schema
                and origin.table_name = key.table_name
                and key.ordinal_position = 1
        where
            origin.column_name = 'source_file'
            and origin.table_schema not in ('audit', 'staging', 'intermediate')
            and origin.table_schema not like 'raw_%'
        order by all
        """
    ).fetchall()
    for schema, name, key_column, key_type in marts:
        if table in (name, f"{schema}.{name}"):
            return schema, name, key_column, key_type
    known = ", ".join(f"{schema}.{name}" for schema, name, *_ in marts) or "none yet"
    raise CasebookError(
        f"{table} is no mart whose rows carry their origin", fix=f"the marts that do: {known}"
    )
