"""docs/tutorial.md, done from top to bottom in a copy of the project.

Conventions for its blocks, each of which is a step:

- `<language> file=<path>` is put into that file.
- `sh` is run; `sql` is a query to the warehouse. A `text` block right below shows what they print
  to a terminal; a line of `…` stands for any lines, a `…` within a line for any text.
- `<language> in=<path>` stands in that file. `<language> old=<path>` too, and the next block,
  `<language> new=<path>`, takes its place.
"""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
from workbench import PROJECT, Workbench, copy_project, lint

TUTORIAL = PROJECT / "docs" / "tutorial.md"
BLOCK = re.compile(r"^```(\w+)(?: (\w+)=(\S+))?\n(.*?)^```$", re.M | re.S)
STYLES = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Step:
    """A fenced block: its language, what is to be done with which file, and its text."""

    language: str
    verb: str | None
    path: str | None
    text: str


def steps() -> list[Step]:
    found = BLOCK.findall(TUTORIAL.read_text(encoding="utf-8"))
    return [
        Step(language, verb or None, path or None, text) for language, verb, path, text in found
    ]


@pytest.fixture
def reader(tmp_path: Path) -> Workbench:
    """A copy of the project with nothing in its raw folder, as whoever reads the page has it."""
    # One case is enough of it, and is built sooner.
    project = copy_project(tmp_path / "casebook", "storefront")
    return Workbench(project, project)


def test_the_tutorial_does_what_it_says(reader: Workbench) -> None:
    every = steps()
    assert {step.language for step in every} >= {"sh", "sql", "text"}
    printed = ""
    for before, step in pairwise([Step("", None, None, ""), *every]):
        path = reader.project / (step.path or "")
        if step.verb == "file":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(step.text, encoding="utf-8")
        elif step.verb in ("in", "old"):
            assert path.read_text(encoding="utf-8").count(step.text) == 1, step.text
        elif step.verb == "new":
            assert (before.verb, before.path) == ("old", step.path)
            text = path.read_text(encoding="utf-8")
            path.write_text(text.replace(before.text, step.text), encoding="utf-8")
        elif step.language == "sh":
            printed = run(reader, step.text)
        elif step.language == "sql":
            printed = query(reader, step.text)
        elif step.language == "text":
            assert before.language in ("sh", "sql")
            assert re.fullmatch(pattern_of(step.text), printed), printed
        else:
            raise AssertionError(f"what is to be done with this? {step}")
    by_hand = {step.path for step in every if step.verb == "file" and "raw/" not in step.path}
    assert len(by_hand) <= 4
    lint(reader, *(f"models/{layer}/library" for layer in ("staging", "intermediate", "marts")))


def run(reader: Workbench, script: str) -> str:
    """What a script prints to a terminal that is 100 columns wide."""
    terminal = {"FORCE_COLOR": "1", "COLUMNS": "100"}
    path = f"{Path(sys.executable).parent}:{reader.environment['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=reader.project,
        env=reader.environment | terminal | {"PATH": path, "PWD": str(reader.project)},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
    return "".join(f"{line.rstrip()}\n" for line in STYLES.sub("", done.stdout).splitlines())


def query(reader: Workbench, sql: str) -> str:
    """A query's rows as a table whose columns are two blanks apart."""
    import duckdb

    with duckdb.connect(str(reader.warehouse), read_only=True) as connection:
        found = connection.execute(sql)
        rows = [tuple(column[0] for column in found.description), *found.fetchall()]
    cells = [["" if value is None else str(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        + "\n"
        for row in cells
    )


def pattern_of(shown: str) -> str:
    lines = [
        "(?:.*\n)*?" if line == "…" else ".*".join(map(re.escape, line.split("…"))) + "\n"
        for line in shown.splitlines()
    ]
    return "".join(lines)
