"""Queries over the published warehouse: what it holds, what was rejected, and people's own."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from casebook.errors import CasebookError
from casebook.sql import quote_text

if TYPE_CHECKING:
    import duckdb

REF = re.compile(r"\{\{\s*ref\(\s*['\"](\w+)['\"]\s*\)\s*\}\}")
FORMATS = ("csv", "json", "parquet")
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
        fix = "end the process that writes to it, or build it anew with `casebook build`"
        raise CasebookError(
            f"the warehouse cannot be opened: {error}", file=path, fix=fix
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


def last_build(connection: duckdb.DuckDBPyConnection) -> tuple[str, dict[str, int]] | None:
    """The id of the last build, and rows of every mart after it, by `schema.table`, if any is."""
    if not has_table(connection, "audit", "builds"):
        return None
    last = connection.execute(
        "select build_id, rows_per_mart from audit.builds order by build_number desc limit 1"
    ).fetchone()
    return (str(last[0]), json.loads(last[1])) if last else None


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
            if(stage = 'quarantined', split_part(reasons, ': ', 1), reasons) as reason,
            count(*),
            count(distinct source_record) / any_value(loaded_files.records),
            coalesce(arg_min(
                if(stage = 'rejected', raw_text[:80], substr(reasons, strpos(reasons, ': ') + 2)),
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
    """Every quarantined or rejected record, in file order; given the same as `rejects`.

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


def find_query(connection: duckdb.DuckDBPyConnection, project: Path, given: str) -> str:
    """The SQL that someone means, with relations of the warehouse in the place of `ref`.

    Args:
        connection: to the warehouse.
        project: the dbt project, which has the analyses.
        given: SQL, the path of a file, or the name of an analysis.

    Raises:
        CasebookError: if it refers to what the warehouse does not hold.
    """
    sql = given
    if re.fullmatch(r"[^\s;]+", given):
        found = [*project.glob(f"analyses/**/{given.removesuffix('.sql')}.sql"), Path(given)]
        file = next((path for path in found if path.is_file()), None)
        if file is None:
            known = ", ".join(sorted(path.stem for path in project.glob("analyses/*.sql")))
            fix = f"give SQL, or one of {known}"
            raise CasebookError(f"{given} is no file and no analysis", fix=fix)
        sql = file.read_text(encoding="utf-8")
    if REF.search(sql):
        declared = connection.execute("select name, relation from audit.declarations").fetchall()
        relations: dict[str, str] = dict(declared)
        if lacking := sorted(set(REF.findall(sql)) - set(relations)):
            reason = f"the published build has no {', '.join(lacking)}"
            raise CasebookError(reason, fix="run `casebook build`")
        sql = REF.sub(lambda name: relations[name[1]], sql)
    return sql.strip().rstrip(";")


def write_answer(
    connection: duckdb.DuckDBPyConnection, sql: str, to: str | None, format_: str | None = None
) -> None:
    """Write what a query gives to a file or an address; a file is there as a whole or not at all.

    Args:
        connection: to the warehouse.
        sql: the query.
        to: a path, or an address that fsspec knows, as `s3://bucket/films.parquet`; None for
            standard output.
        format_: `csv`, `json` or `parquet`; by default what the name ends with.

    Raises:
        CasebookError: if the format is none of these.
    """
    format_ = format_ or (to or "csv").rsplit(".", 1)[-1].lower()
    if format_ not in FORMATS:
        fix = f"name one of {', '.join(FORMATS)} with --format"
        raise CasebookError(f"{format_} is no format that a query is written in", file=to, fix=fix)
    is_path = to is not None and "://" not in to
    with tempfile.TemporaryDirectory(prefix="casebook-") as folder:
        path = str(to) if is_path else f"{folder}/answer"
        into = f"{quote_text(path)} (format {format_}, use_tmp_file true)"
        connection.execute(f"copy ({sql}) to {into}")
        if is_path:
            return
        target = contextlib.nullcontext(sys.stdout.buffer)
        if to:
            import fsspec

            target = fsspec.open(to, "wb")
        with Path(path).open("rb") as source, target as stream:
            shutil.copyfileobj(source, stream)
