"""What `make bench` runs: Casebook beside DuckDB alone, as ratios, on data generated for it.

A section is a function that takes a `Bench` and returns a `Section`; to add one, write its module
beside `votes.py` and name the function in SECTIONS.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from combine import measure_combine
from courses import measure_courses
from ctr import measure_ctr
from days import measure_days
from events import measure_events
from loads import measure_loads
from measure import MB, Bench, BenchError, Section
from report import machine, print_sections, say, write_result
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
    bench = Bench(PROJECT, folder, size, rounds, say)
    ran_on = machine()
    found = {}
    try:
        for name in options.only or SECTIONS:
            found[name] = SECTIONS[name](bench)
    except BenchError as error:
        say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    counted = "1 round" if rounds == 1 else f"medians of {rounds} rounds"
    print_sections(ran_on, counted, found)
    if options.json:
        write_result(options.json, ran_on, found, scale=options.scale, rounds=rounds)
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


if __name__ == "__main__":
    sys.exit(main())
