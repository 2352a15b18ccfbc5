"""`casebook sql`: queries over the published warehouse."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from casebook.cli.options import Warehouse
from casebook.cli.printing import cell, err, print_rows
from casebook.errors import CasebookError
from casebook.settings import find_settings

if TYPE_CHECKING:
    import duckdb


def sql(
    query: Annotated[
        str | None,
        typer.Argument(help="SQL, a file of it, or an analysis by name; without it, a prompt."),
    ] = None,
    format_: Annotated[
        str | None, typer.Option("--format", help="csv, json or parquet, as a program reads it.")
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", help="A file, or an address such as s3://bucket/a.parquet."),
    ] = None,
    warehouse: Warehouse = None,
) -> None:
    """Query the published warehouse: a table on a terminal, comma-separated values elsewhere."""
    import duckdb

    from casebook.ask.warehouse import find_query, open_warehouse, write_answer

    settings = find_settings(warehouse=warehouse, published=True)
    with open_warehouse(settings.warehouse) as connection:
        if query is None:
            _prompt(connection)
            return
        try:
            found = find_query(connection, settings.project, query)
            if format_ or output:
                write_answer(connection, found, output, format_)
            else:
                _print(connection, found)
        except duckdb.Error as error:
            raise CasebookError(str(error), file=settings.warehouse) from error


def _print(connection: duckdb.DuckDBPyConnection, query: str) -> None:
    found = connection.execute(query)
    columns = [column[0] for column in found.description or ()]
    print_rows(columns, ([*map(cell, row)] for row in iter(found.fetchone, None)))


def _prompt(connection: duckdb.DuckDBPyConnection) -> None:
    """Read queries, each up to a semicolon, until the input ends."""
    import duckdb

    lines: list[str] = []
    while True:
        if sys.stdin.isatty():
            err.print("     ...> " if lines else "casebook> ", end="", markup=False)
        line = sys.stdin.readline()
        lines.append(line)
        text = "".join(lines).strip()
        if text.endswith(";") or (text and not line):
            lines.clear()
            try:
                _print(connection, text.rstrip(";"))
            except duckdb.Error as error:
                err.print(str(error), markup=False)
        if not line:
            return
