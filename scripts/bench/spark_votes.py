"""A history of votes on Spark with one core and with two, and on DuckDB: the same lake for all."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
from builds import MODELS, read_build
from history import History, Side
from measure import MB, BenchError, Line, Runs, Section, program, run, settle, size_on_disk
from report import say
from spark_side import MILLION, MONTHS, PROJECT, on_spark, parse, report, tables_of

DUCKDB = "DuckDB"
MASTERS = ("local[1]", "local[2]")
RECORDS, OUTRANKED, VOTES = "int_blog__vote_records", "int_blog__votes_superseded", "votes"
TABLES = {RECORDS: "intermediate", OUTRANKED: "intermediate", VOTES: "blog_analysis"}

ABOUT = """\
Build the blog's marts from one history of votes with Spark on one core, with Spark on two, and with
DuckDB on all; in full, and then with one more day on top.

The history is two years of months, a raw file each, and is landed once: each side gets a copy of
the lake and a warehouse that is not there yet. The day is loaded by each side's own second build.
The sides must end with the same votes. DuckDB has its limit of --duckdb-memory.

A model's rows a second are the vote records that it is about, all of them in a full build and the
day's in the next, over dbt's time for its node: so three models that differ in what they write can
be compared. Models that do not depend on each other run at once, as in any build. Memory is the
most that the process and its children held at once; what tables take is counted on the disk.
"""


@dataclass(frozen=True)
class Sums:
    """What two warehouses must agree on: rows of the tables, and sums over the votes."""

    rows: dict[str, int]
    votes: tuple[int, ...]


def main(arguments: list[str] | None = None) -> int:
    """Run it and print what was found; 0 unless something did not run, or the sides disagree."""
    parser = argparse.ArgumentParser(
        description=ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--day", type=float, default=0.1, help="millions of votes of the day; 0.1 by default"
    )
    parser.add_argument("--duckdb-memory", default="4GB", help="4GB by default")
    parser.add_argument(
        "--master",
        action="append",
        help="where Spark runs; may be repeated; local[1] and local[2] by default",
    )
    options = parse(parser, arguments, rounds=1)
    if not 0 < options.day < float("inf"):
        parser.error("--day must be above 0, and finite")
    options.master = options.master or list(MASTERS)
    given = {"day": options.day, "memory": options.memory}
    return report(
        "spark votes", options, lambda work: _Comparison(options, work).measure(), **given
    )


class _Comparison:
    """The sides, one after another.

    Args:
        options: what to measure.
        work: where everything is written.
    """

    def __init__(self, options: argparse.Namespace, work: Path) -> None:
        self.options = options
        self.records = round(options.votes * MILLION)
        self.day = round(options.day * MILLION)
        self.history = History(PROJECT, work, math.ceil(self.records / MONTHS))
        self.runs = Runs()
        self.facts: list[str] = []

    def measure(self) -> Section:
        """Measure all sides.

        Raises:
            BenchError: if a program fails, or the sides disagree.
        """
        say(f"landing {self.records:,} votes")
        self.history.grow(self.records)
        self.facts.append(
            f"Of {self.history.raw_bytes / MB:,.0f} MB of raw files the lake has"
            f" {size_on_disk(self.history.lake) / MB:,.0f} MB."
        )
        for number in range(self.options.rounds):
            say(f"round {number + 1} of {self.options.rounds}")
            found = {name: self._play(name, number) for name in (DUCKDB, *self.options.master)}
            for name, sums in found.items():
                if sums != found[DUCKDB]:
                    raise BenchError(f"{DUCKDB} has {found[DUCKDB]}, {name} {sums}")
        rows = ", ".join(f"{rows:,} of {table}" for table, rows in found[DUCKDB].rows.items())
        self.facts.append(f"All have the same rows after the day: {rows}.")
        title = f"{self.records:,} votes on Spark and on DuckDB, and {self.day:,} more on top"
        return Section(title, list(self._lines()), self.facts, self.runs.as_json())

    def _play(self, name: str, number: int) -> Sums:
        """One side: a full build, and the day on top of it."""
        with self.history.side() as copied:
            side = copied
            environment = {"CASEBOOK_MEMORY": self.options.duckdb_memory}
            if name != DUCKDB:
                side, environment = on_spark(copied, name, self.options.memory), {}
            target = () if name == DUCKDB else ("--target", "spark")
            self._build(f"full build, {name}", side, environment, target)
            if number == 0:
                self.facts.append(f"{name}, after the full build: {_sizes(name, side)}.")
            settle(self.history.deliver_day(self.day))
            self._build(f"a day on top, {name}", side, environment, target)
            if number == 0:
                self.facts.append(f"{name}, after the day: {_sizes(name, side)}.")
            return sums_of_duckdb(side) if name == DUCKDB else sums_of_spark(side)

    def _build(
        self, name: str, side: Side, environment: dict[str, str], target: tuple[str, ...]
    ) -> None:
        settle()
        done = run(
            [program("casebook"), "build", *target, "--select", *MODELS],
            PROJECT,
            side.environment | environment,
        )
        built = read_build(done, side.lake, side.dbt)
        nodes = {node.name: node.seconds for node in built.nodes}
        dbt = built.parts["models and tests"]
        self.runs.add(name, done, parts=built.parts, nodes=nodes, dbt_seconds=dbt)
        say(f"  {name:24} {done.seconds:8.2f} s {done.peak_bytes / MB:8,.0f} MB")

    def _lines(self) -> Iterator[Line]:
        for what, records in (("full build", self.records), ("a day on top", self.day)):
            other = f"{what}, {DUCKDB}"
            for master in self.options.master:
                name = f"{what}, {master}"
                seconds = self.runs.median(name), self.runs.median(other)
                parts = self.runs.medians(name, "parts")
                yield Line(name, "s", *seconds, DUCKDB, parts=parts)
                dbt = (self.runs.median(side, "dbt_seconds") for side in (name, other))
                yield Line(f"{name}: models and tests", "s", *dbt, DUCKDB)
                yield from self._lines_of_models(name, other, records)
                memory = (self.runs.median(side, "peak_mb") for side in (name, other))
                yield Line(f"{name}, peak memory", "MB", *memory, DUCKDB)
        one, *others = self.options.master
        for master in others:
            for what in ("full build", "a day on top"):
                dbt = (self.runs.median(f"{what}, {on}", "dbt_seconds") for on in (master, one))
                yield Line(f"{what}, {master}: models and tests", "s", *dbt, one)

    def _lines_of_models(self, name: str, other: str, records: int) -> Iterator[Line]:
        nodes = [self.runs.medians(side, "nodes") for side in (name, other)]
        for model in TABLES:
            seconds = [found[model] for found in nodes]
            yield Line(f"{name}: {model}", "s", *seconds, DUCKDB)
            rates = (records / taken for taken in seconds)
            yield Line(f"{name}: {model}, rows", "/s", *rates, DUCKDB)


def _sizes(name: str, side: Side) -> str:
    """What the side's tables take on the disk."""
    if name == DUCKDB:
        return f"the warehouse has {size_on_disk(side.warehouse) / MB:,.0f} MB"
    sizes = {
        f"{schema}.{table}": size_on_disk(_folder(side, table)) for table, schema in TABLES.items()
    }
    tables = ", ".join(f"{table} {size / MB:,.0f} MB" for table, size in sizes.items())
    return f"the warehouse has {size_on_disk(tables_of(side)) / MB:,.0f} MB, of which {tables}"


def _folder(side: Side, table: str) -> Path:
    return tables_of(side) / f"{TABLES[table]}.db" / table


def sums_of_duckdb(side: Side) -> Sums:
    """The sums over DuckDB's warehouse."""
    with duckdb.connect(str(side.warehouse), read_only=True) as connection:
        return _sums(connection, {table: f"{schema}.{table}" for table, schema in TABLES.items()})


def sums_of_spark(side: Side) -> Sums:
    """The sums over the files of Spark's tables."""
    with duckdb.connect() as connection:
        files = {table: f"'{_folder(side, table)}/**/*.parquet'" for table in TABLES}
        return _sums(connection, {table: f"read_parquet({glob})" for table, glob in files.items()})


def _sums(connection: duckdb.DuckDBPyConnection, tables: dict[str, str]) -> Sums:
    rows = {
        table: connection.execute(f"select count(*) from {source}").fetchone()[0]
        for table, source in tables.items()
    }
    summed = connection.execute(
        "select sum(vote_id)::hugeint, sum(post_id)::hugeint, sum(epoch(created_at))::hugeint"
        f" from {tables[VOTES]}"
    )
    return Sums(rows, summed.fetchone())


if __name__ == "__main__":
    sys.exit(main())
