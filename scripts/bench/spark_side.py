"""A build on Spark beside one with DuckDB: the same lake, and a warehouse of its own."""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from history import Side
from measure import BenchError, Section
from report import machine, print_sections, say, write_result

PROJECT = Path(__file__).parents[2]
MILLION = 1_000_000
MONTHS = 24  # a history is as long, however many votes it has


def on_spark(side: Side, master: str, memory: str) -> Side:
    """The same side, with an environment for Spark; all that Spark writes is in its folder.

    Args:
        side: a copy of the lake.
        master: where Spark runs, such as `local[2]`.
        memory: memory of the driver, such as `4g`.
    """
    dbt = side.dbt.with_name("dbt_spark")
    return replace(
        side,
        dbt=dbt,
        environment=side.environment
        | {
            "CASEBOOK_SPARK_MASTER": master,
            "CASEBOOK_SPARK_MEMORY": memory,
            "CASEBOOK_SPARK_WAREHOUSE": str(tables_of(side)),
            "SPARK_LOCAL_DIRS": str(side.folder / "spark_local"),
            "DBT_TARGET_PATH": str(dbt),
        },
    )


def tables_of(side: Side) -> Path:
    """The folder of Spark's tables."""
    return side.folder / "spark"


def parse(
    parser: argparse.ArgumentParser, arguments: list[str] | None, *, rounds: int
) -> argparse.Namespace:
    """Add the options that all programs with Spark have, and parse.

    Args:
        parser: a parser with the program's own options.
        arguments: what to parse; the command line by default.
        rounds: how often each side runs by default.
    """
    parser.add_argument(
        "--votes", type=float, default=10.0, help="millions of votes; 10 by default"
    )
    parser.add_argument(
        "--memory", default="4g", help="memory of Spark's driver; 4g by default, as DuckDB has"
    )
    parser.add_argument(
        "--rounds", type=int, default=rounds, help=f"how often each side runs; {rounds} by default"
    )
    parser.add_argument(
        "--folder",
        type=Path,
        default=PROJECT / "target" / "bench",
        help="everything is written below it, and removed at the end; target/bench by default",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the result as JSON")
    options = parser.parse_args(arguments)
    if not 0 < options.votes < float("inf"):
        parser.error("--votes must be above 0, and finite")
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    return options


def report(
    name: str, options: argparse.Namespace, measure: Callable[[Path], Section], **given: object
) -> int:
    """Measure in a folder that is removed afterwards, and print what was found.

    Args:
        name: the section's name.
        options: what `parse` returned.
        measure: measures, below the folder that it is given.
        given: options that the JSON shows beside the figures, if it is asked for.

    Returns:
        The exit status: 0 unless something did not run, or the sides disagree.
    """
    folder = options.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="spark-", dir=folder))
    ran_on = machine()
    try:
        section = measure(work)
    except BenchError as error:
        say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        shutil.rmtree(work, ignore_errors=True)
    counted = "1 round" if options.rounds == 1 else f"medians of {options.rounds} rounds"
    print_sections(ran_on, counted, {name: section})
    if options.json:
        write_result(options.json, ran_on, {name: section}, votes=options.votes, **given)
    return 0
