"""Queries over the published warehouse: given, in a file, or one of the project's analyses."""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from pathlib import Path

import duckdb

from casebook.errors import CasebookError
from casebook.sql import quote_text

REF = re.compile(r"\{\{\s*ref\(\s*['\"](\w+)['\"]\s*\)\s*\}\}")
FORMATS = ("csv", "json", "parquet")


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
            raise CasebookError(
                f"{given} is no file and no analysis", fix=f"give SQL, or one of {known}"
            )
        sql = file.read_text(encoding="utf-8")
    if REF.search(sql):
        relations = dict(
            connection.execute("select name, relation from audit.declarations").fetchall()
        )
        if lacking := set(REF.findall(sql)) - set(relations):
            raise CasebookError(
                f"the published build has no {', '.join(sorted(lacking))}",
                fix="run `casebook build`",
            )
        sql = REF.sub(lambda name: str(relations[name[1]]), sql)
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
    folder = Path(to).absolute().parent if to and is_path else None
    with tempfile.TemporaryDirectory(dir=folder, prefix=".casebook-") as place:
        file = Path(place) / f"answer.{format_}"
        connection.execute(f"copy ({sql}) to {quote_text(file)} (format {format_})")
        if to and is_path:
            file.replace(to)
            return
        with file.open("rb") as source:
            if to is None:
                shutil.copyfileobj(source, sys.stdout.buffer)
                return
            import fsspec

            with fsspec.open(to, "wb") as target:
                shutil.copyfileobj(source, target)
