"""What `make bench` runs: Casebook beside DuckDB alone, as ratios, on data generated for it.

A section is a function that takes a `Bench` and returns a `Section`; to add one, write its module
beside `votes.py` and name the function in SECTIONS.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from combine import measure_combine
from courses import measure_courses
from ctr import measure_ctr
from days import measure_days
from events import measure_events
from loads import measure_loads
from measure import MB, Bench, BenchError, Line, Section
from votes import measure_votes

PROJECT = Path(__file__).parents[2]
BASE_BYTES = 500 * MB
LEAST_BYTES = 1 * MB
SEVERAL_ROUNDS_UP_TO = 1_000 * MB

SECTIONS: dict[str, Callable[[Bench], Section]] = {
    "votes": measure_votes,
    "loads": measure_loads,
    "events": measure_events,
    "ctr": measure_ctr,
    "courses": measure_courses,
    "days": measure_days,
    "combine": measure_combine,
}

ABOUT = """\
Compare `casebook load` and `casebook build` with DuckDB alone, and `casebook combine` with pandas,
on generated data.

Every figure is wall time of a process from its start to its end, or the most memory that a process
and its children held at once, as the system's resident set size; MB are 1,000,000 bytes. The two
sides take turns at going first, the input is read into the page cache before each, and the table
shows medians. A bound that is missed is printed as `missed`; the exit status is 1 only where
something does not run, or the two sides do not have the same votes.

A first build begins with nothing: no lake, no warehouse, and a dbt that has not parsed the project.
The build after one more file is what follows it.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and print it; 0 unless something broke."""
    options = _parse(arguments)
    size = round(BASE_BYTES * options.scale)
    rounds = options.rounds or (3 if size <= SEVERAL_ROUNDS_UP_TO else 1)
    folder = options.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    bench = Bench(PROJECT, folder, size, rounds, _say)
    machine = _machine()
    found = {}
    try:
        for name in options.only or SECTIONS:
            found[name] = SECTIONS[name](bench)
    except BenchError as error:
        _say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    counted = "1 round" if rounds == 1 else f"medians of {rounds} rounds"
    print(f"{', '.join(f'{key} {value}' for key, value in machine.items())}; {counted}")
    for section in found.values():
        _print_section(section)
    if options.json:
        result: dict[str, Any] = {
            "machine": machine,
            "scale": options.scale,
            "rounds": rounds,
            "sections": {name: section.as_json() for name, section in found.items()},
        }
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--scale",
        type=float,
        default=1.0,
        help="times 500 MB of raw data; 1 by default, 0.002 at least; 10 needs about 15 GB of disk",
    )
    parser.add_argument(
        "--rounds", type=int, help="how often each side runs; 3 by default, 1 above 1,000 MB"
    )
    parser.add_argument(
        "--folder",
        type=Path,
        default=PROJECT / "target" / "bench",
        help="everything is written below it, and generated data stays there; target/bench by"
        " default",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the result as JSON")
    parser.add_argument(
        "--only", action="append", choices=SECTIONS, help="run this section only; may be repeated"
    )
    options = parser.parse_args(arguments)
    if not LEAST_BYTES <= BASE_BYTES * options.scale < float("inf"):
        parser.error(f"--scale must be at least {LEAST_BYTES / BASE_BYTES}, and finite")
    if options.rounds is not None and options.rounds < 1:
        parser.error("--rounds must be at least 1")
    return options


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


def _machine() -> dict[str, str]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": str(os.cpu_count()),
        "memory": f"{memory / 1e9:.0f} GB",
        "load average before": f"{os.getloadavg()[0]:.1f}",
        "Python": platform.python_version(),
        "DuckDB": version("duckdb"),
        "dbt": version("dbt-core"),
    }


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
