"""Questions to the published warehouse: what it holds, and what was rejected."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from casebook.errors import CasebookError

if TYPE_CHECKING:
    import duckdb

# Given a table, `source` or `source.table`, and a raw file, either of which may be null.
_CHOSEN = """
    ($1 is null or $1 in (source_name, source_name || '.' || table_name))
    and ($2 is null or $2 = source_file)
"""


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
        "select rows_per_mart from audit.builds order by build_number desc limit 1"
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


def older_audit(connection: duckdb.DuckDBPyConnection) -> int | None:
    """The number of the build that `rejects` is of, where builds of some marts came after it."""
    ((number,),) = connection.execute(
        "select max(build_number) from audit.rejected_rows"
        " where build_number < (select max(build_number) from audit.builds)"
    ).fetchall()
    return number if number else None


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
