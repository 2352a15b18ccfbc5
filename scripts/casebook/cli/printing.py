"""How commands print: tables, numbers and problems; results on stdout, the rest on stderr."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid

if TYPE_CHECKING:
    from casebook.build.publish import Problem


out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


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
        grid.add_row(*(escape(str(value)) for value in row))
    out.print(grid)


def print_problems(problems: Iterable[Problem]) -> None:
    """What failed, and where its wrong rows are."""
    for problem in problems:
        err.print("[red]failed[/] ", end="")
        err.print(f"{problem.kind} {problem.name}: {one_line(problem.message)}", markup=False)
        if problem.table:
            err.print(f"    its wrong rows: {problem.table}", markup=False)


def cell(value: object) -> str:
    """A value in a table; nothing where it is null."""
    return "" if value is None else str(value)


def one_line(text: str) -> str:
    """A text with its line ends as blanks."""
    return " ".join(text.split())


def digits(value: int) -> str:
    """Digits in groups of three for people; plain ones for programs."""
    return f"{value:,}" if out.is_terminal else str(value)
