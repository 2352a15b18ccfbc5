"""Print how many lines each room has, and how many it may have; fail where one has more.

python scripts/budgets.py
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

PROJECT = Path(__file__).parent.parent
PACKAGE = "scripts/casebook"
MODULE_LINES = 300
FUNCTION_LINES = 60
# What "thin" means: a room that needs more is one that does something for the wrong reason.
BUDGETS: tuple[tuple[str, Sequence[str], Sequence[str], int], ...] = (
    (
        "loader: lake, load, readers, sources",
        [f"{PACKAGE}/{room}" for room in ("lake", "load", "readers", "sources.py")],
        [],
        3_300,
    ),
    ("readers", [f"{PACKAGE}/readers"], [], 1_500),
    ("ask, api", [f"{PACKAGE}/ask", f"{PACKAGE}/api"], [], 1_200),
    ("draft", [f"{PACKAGE}/draft"], [], 700),
    ("combine", [f"{PACKAGE}/combine"], [], 500),
    (
        "the package, without fetch, deliver, report",
        [PACKAGE],
        [f"{PACKAGE}/{room}" for room in ("fetch", "deliver", "report")],
        7_700,
    ),
    (
        "fetch, deliver, report",
        [f"{PACKAGE}/{room}" for room in ("fetch", "deliver", "report")],
        [],
        1_200,
    ),
    ("scripts/sample", ["scripts/sample"], [], 800),
    (
        "scripts/bench, parity",
        ["scripts/bench", "scripts/parity.py", "scripts/compared.py"],
        [],
        1_700,
    ),
    ("tests/python", ["tests/python"], [], 16_000),
    ("README.md", ["README.md"], [], 220),
)


def files_of(places: Sequence[str], but: Sequence[str]) -> Iterator[Path]:
    """The code below some places of the project, apart from others."""
    for place in places:
        path = PROJECT / place
        found = [path] if path.is_file() else path.rglob("*")
        for file in found:
            is_code = file.is_file() and file.suffix in {".py", ".sql", ".md"}
            if is_code and not any(file.is_relative_to(PROJECT / other) for other in but):
                yield file


def count_lines(places: Sequence[str], but: Sequence[str] = ()) -> int:
    """How many lines the code below some places has."""
    return sum(len(file.read_text(encoding="utf-8").splitlines()) for file in files_of(places, but))


def too_long() -> Iterator[str]:
    """Modules of the package that have too many lines, and functions that do."""
    for file in sorted(files_of([PACKAGE], [])):
        if file.suffix != ".py":
            continue
        text, name = file.read_text(encoding="utf-8"), file.relative_to(PROJECT)
        if (lines := len(text.splitlines())) > MODULE_LINES:
            yield f"{name}: {lines} lines, at most {MODULE_LINES}"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > FUNCTION_LINES:
                    yield f"{name}: {node.name} has {length} lines, at most {FUNCTION_LINES}"


def main() -> int:
    """Print the table; 1 if a budget does not hold."""
    held = True
    for room, places, but, most in BUDGETS:
        lines = count_lines(places, but)
        held = held and lines <= most
        print(f"{room:45} {lines:7,} of {most:7,}{'' if lines <= most else '  TOO MANY'}")
    for problem in too_long():
        held = False
        print(problem)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
