"""Print what a benchmark found, and write it as JSON."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path

from measure import MB, Line, Section


def print_sections(
    ran_on: Mapping[str, str], counted: str, sections: Mapping[str, Section]
) -> None:
    """Print the machine and a table for each section.

    Args:
        ran_on: what `machine` said before anything ran.
        counted: what the figures are, such as `medians of 3 rounds`.
        sections: the sections by their names.
    """
    print(f"{', '.join(f'{key} {value}' for key, value in ran_on.items())}; {counted}")
    for section in sections.values():
        _print_section(section)


def write_result(
    path: Path, ran_on: Mapping[str, str], sections: Mapping[str, Section], **more: object
) -> None:
    """Write all that was found as JSON.

    Args:
        path: the file.
        ran_on: what `machine` said before anything ran.
        sections: the sections by their names.
        more: with which options it ran.
    """
    found = {name: section.as_json() for name, section in sections.items()}
    result = {"machine": ran_on, **more, "sections": found}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def machine() -> dict[str, str]:
    """What this runs on, and how busy it is."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": str(os.cpu_count()),
        "memory": f"{memory / 1e9:.0f} GB",
        "load average before": f"{os.getloadavg()[0]:.1f}",
        "Python": platform.python_version(),
        "DuckDB": version("duckdb"),
        "dbt": version("dbt-core"),
    }


def say(text: str) -> None:
    """Print a line about how far it is."""
    print(text, file=sys.stderr, flush=True)


def _print_section(section: Section) -> None:
    print(f"\n{section.title}\n")
    rows = [("", "casebook", "compared with", "", "ratio", "bound", "")]
    for line in section.lines:
        rows += _cells(line)
    widths = [max(len(row[at]) for row in rows if len(row) > 1) for at in range(len(rows[0]))]
    for row in rows:
        if len(row) == 1:
            print(row[0])
            continue
        cells = [
            cell.ljust(width) if at in (0, 3, 5, 6) else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())
    print()
    for fact in section.facts:
        print(fact)


def _cells(line: Line) -> Iterator[tuple[str, ...]]:
    bound = ""
    if line.bound:
        bound = f"{line.bound.most:,g}" + ("x" if line.ratio is not None else f" {line.unit}")
        if line.verdict == "not at this size":
            bound += f" from {line.bound.from_bytes / MB:,.0f} MB"
    yield (
        line.name,
        _figure(line.ours, line.unit),
        "" if line.theirs is None else _figure(line.theirs, line.unit),
        line.against,
        "" if line.ratio is None else f"{line.ratio:.2f}x",
        bound,
        "" if line.verdict == "not at this size" else line.verdict,
    )
    if line.parts:
        parts = (f"{name} {_figure(value, line.unit)}" for name, value in line.parts.items())
        yield (f"    = {', '.join(parts)}",)


def _figure(value: float, unit: str) -> str:
    decimals = {"s": 2, "ms": 1, "MiB": 1}.get(unit, 0)
    return f"{value:,.{decimals}f} {unit}"
