"""How commands print: tables, numbers and problems; results on stdout, the rest on stderr."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid
from rich.text import Text

from casebook.files import escaped

if TYPE_CHECKING:
    from casebook.build.dbt import Problem
    from casebook.settings import Settings


class Printer(Console):
    """A console on which text without markup, which may be anybody's, commands no terminal."""

    def print(self, *objects: object, **options: Any) -> None:  # noqa: ANN401
        if options.get("markup") is False:
            objects = tuple(escaped(str(one)) for one in objects)
        super().print(*objects, **options)


out = Printer(highlight=False, soft_wrap=True)
err = Printer(stderr=True, highlight=False, soft_wrap=True)


def print_rows(columns: list[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table on a terminal, comma-separated values otherwise."""
    if not out.is_terminal:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
        return
    grid = Grid(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        grid.add_column(column, overflow="fold")
    for row in rows:
        grid.add_row(*(escape(escaped(str(value))) for value in row))
    out.print(grid)


def print_places(settings: Settings, quiet: bool) -> None:
    """The raw folder and the lake that a command works on, in a line."""
    here = Path.cwd()
    raw, lake = (
        path.relative_to(here) if path.is_relative_to(here) else path
        for path in (settings.raw, settings.lake)
    )
    if not quiet:
        err.print(f"raw files: {raw}, lake: {lake}", markup=False)


def print_counts(heading: str, columns: list[str], counted: Iterable[tuple[str, object]]) -> None:
    """A table with a row for each thing by name, and these attributes of it, which are numbers."""
    rows = ((name, *(digits(getattr(one, column)) for column in columns)) for name, one in counted)
    print_rows([heading, *columns], rows)


def print_error(heading: str, text: str, style: str = "red") -> None:
    """A line on stderr whose first words tell what kind it is."""
    err.print(Text.assemble((heading, style), " ", escaped(text)))


def print_warnings(warnings: Iterable[Problem]) -> None:
    """What tests of severity warn found."""
    for problem in warnings:
        _print_problem(f"[yellow]warning[/]: {problem.name}", problem)


def print_problems(failures: Iterable[Problem]) -> None:
    """What failed."""
    for problem in failures:
        _print_problem(f"[red]failed[/]: {problem.kind} {problem.name}", problem)


def _print_problem(heading: str, problem: Problem) -> None:
    """A line, and below it the query for the wrong rows, or else what dbt says in all its lines."""
    if problem.rows:
        heading += f" ({problem.rows:,} row{'s' if problem.rows > 1 else ''})"
    err.print(heading)
    text = "" if problem.rows else problem.message
    if problem.table:
        text = f"select * from {problem.table}"
    for line in text.splitlines():
        err.print(f"    {line}", markup=False)


def cell(value: object) -> str:
    """A value in a table; nothing where it is null."""
    return "" if value is None else str(value)


def digits(value: int) -> str:
    """Digits in groups of three for people; plain ones for programs."""
    return f"{value:,}" if out.is_terminal else str(value)
