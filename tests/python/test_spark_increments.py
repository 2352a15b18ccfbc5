"""Incremental models on Spark: what a full refresh gives, and only the partitions that change."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import parity
import pytest
from casebook.settings import Settings
from test_spark import needs_spark, use_quick_settings
from workbench import UNTESTED, Workbench, copy_project, vote

MODELS = ("+votes", "weekly_votes", "int_blog__votes", "+product_views", "platforms")
TABLES = (
    "blog_analysis.votes",
    "storefront.product_views",
    "intermediate.int_blog__vote_records",
    "intermediate.int_blog__votes_superseded",
    "intermediate.int_storefront__product_event_records",
)
NOW, QUIET, LEFT, FILLED = "2022-02", "2021-11", "2022-08", "2022-09"


def random_votes(seed: int, ids: range, months: range) -> list[dict[str, Any]]:
    """Votes of which many have the same Id, some of them equal, some with a month of their own."""
    chance = random.Random(seed)
    return [
        vote(
            chance.choice(ids),
            f"2022-{chance.choice(months):02}-{chance.choice((1, 28)):02}",
            VoteTypeId=chance.choice(("2", "3", "R")),
        )
        for _ in range(3 * len(ids))
    ]


def message(*days: str) -> str:
    """A message with a view on each day."""
    epoch = "{} 12:00:00"
    events = [
        {
            "event_type": "custom_event",
            "data": {
                "event_name": "product",
                "timestamp_unixtime_ms": duckdb.execute(
                    "select epoch_ms(cast(? as timestamp))", [epoch.format(day)]
                ).fetchall()[0][0],
                "custom_attributes": {"codeColor": f"A_{number}", "actualPrice": "9.5"},
            },
        }
        for number, day in enumerate(days)
    ]
    return json.dumps({"events": events}) + "\n"


def deliver(bench: Workbench, name: str, votes: list[dict[str, Any]], messages: str) -> None:
    bench.write(f"{name}.jsonl", votes)
    path = bench.raw / "storefront" / "product_events" / "iOS" / f"{name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(messages)


@dataclass
class State:
    """What both warehouses hold after a build.

    Attributes:
        tables: rows by table, on DuckDB and on Spark.
        files: Spark's files of each partitioned table and when each was written.
        said: what the build on Spark printed.
    """

    tables: dict[str, tuple[list[tuple], list[tuple]]]
    files: dict[Path, int]
    said: str

    def written(self, before: State, table: str) -> set[str]:
        """The partitions of a table in which a file is new or gone since an earlier state."""
        changed = self.files.items() ^ before.files.items()
        return {path.parent.name for path, _ in changed if path.parent.parent.name == table}

    def partitions(self, table: str) -> set[str]:
        return {path.parent.name for path in self.files if path.parent.parent.name == table}


@dataclass
class History:
    """One raw folder, built again and again on both engines."""

    bench: Workbench
    spark: Path = field(init=False)

    def __post_init__(self) -> None:
        self.spark = self.bench.root / "spark"

    def build(self, *options: str) -> State:
        select = ("--select", *MODELS, *options)
        self.bench.casebook("build", *select)
        said = self.bench.casebook("build", "--target", "spark", *select)
        tables = {name: (self._on_duckdb(name), self._on_spark(name)) for name in TABLES}
        files = {
            path: path.stat().st_mtime_ns
            for name in ("blog_analysis.db/votes", "storefront.db/product_views")
            for path in (self.spark / name).glob("*/*.parquet")
        }
        return State(tables, files, said.stdout + said.stderr)

    def _on_duckdb(self, name: str) -> list[tuple]:
        return self.bench.query(f"select * from {name} order by all")

    def _on_spark(self, name: str) -> list[tuple]:
        folder = self.spark / name.replace(".", ".db/")
        with duckdb.connect(str(self.bench.warehouse), read_only=True) as connection:
            columns = connection.execute(f"describe {name}").fetchall()
            listed = ", ".join(f'cast("{column[0]}" as {column[1]})' for column in columns)
            return connection.execute(
                f"select {listed} from read_parquet(?, hive_partitioning = true) order by all",
                [f"{folder}/**/*.parquet"],
            ).fetchall()


@dataclass(frozen=True)
class Story:
    history: History
    first: State
    second: State
    third: State


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("increments")
    with use_quick_settings(folder), pytest.MonkeyPatch.context() as patch:
        patch.setenv("CASEBOOK_SPARK_WAREHOUSE", str(folder / "spark"))
        bench = Workbench(folder, copy_project(folder / "project", "blog", "storefront"))
        history = History(bench)
        deliver(
            bench,
            "b",
            [
                *random_votes(1, range(1, 31), range(1, 7)),
                *(vote(number, f"{QUIET}-30") for number in (500, 501)),
                vote(600, f"{LEFT}-31"),
                vote(601, f"{NOW}-01"),
            ],
            message("2022-01-05", "2022-02-05") + message("2022-02-06"),
        )
        first = history.build(*UNTESTED)
        # What was landed before is not read again: it could not be.
        landed = {path: path.read_bytes() for path in bench.lake.glob("*/*/**/b.jsonl/*.parquet")}
        landed = {path: bytes_ for path, bytes_ in landed.items() if "_rejected" not in path.parts}
        assert len(landed) == 2
        for path in landed:
            path.write_bytes(b"not Parquet")
        deliver(
            bench,
            "c",
            [
                *random_votes(2, range(1, 16), range(1, 4)),
                vote(600, f"{FILLED}-01"),
                vote(700, f"{NOW}-02"),
            ],
            message("2022-02-07", "2022-03-07"),
        )
        # Earlier in file order, though it comes later: b's records outrank these.
        deliver(bench, "a", [vote(500, f"{NOW}-03"), vote(601, f"{LEFT}-01"), vote(701)], "")
        second = history.build()
        deliver(bench, "d", [vote(800, "2022-02-30"), vote(801, "R")], '{"events": []}\n')
        third = history.build(*UNTESTED)
        for path, content in landed.items():
            path.write_bytes(content)
        yield Story(history, first, second, third)


@needs_spark
def test_each_increment_gives_what_duckdb_gives(story: Story) -> None:
    for state in (story.first, story.second, story.third):
        for name, (on_duckdb, on_spark) in state.tables.items():
            assert on_spark == on_duckdb, name
            assert on_spark, name


@needs_spark
def test_the_increments_were_none_in_full_and_there_was_something_to_replace(story: Story) -> None:
    for state in (story.second, story.third):
        assert "full refresh" not in state.said
    votes = [
        {row[0]: row for row in state.tables["blog_analysis.votes"][1]}
        for state in (story.first, story.second)
    ]
    moved = [key for key in votes[0] if key in votes[1] and votes[0][key][-1] != votes[1][key][-1]]
    assert len(moved) > 5
    kinds = {row[-1] for row in story.second.tables["intermediate.int_blog__votes_superseded"][1]}
    assert kinds == {"duplicate", "superseded"}


@needs_spark
def test_only_partitions_with_a_new_or_a_replaced_row_are_written(story: Story) -> None:
    before, after = (
        set(state.tables["blog_analysis.votes"][1]) for state in (story.first, story.second)
    )
    changed = {f"created_month={row[-1]}" for row in before ^ after}
    assert story.second.written(story.first, "votes") == changed
    assert f"created_month={QUIET}-01" in story.second.partitions("votes") - changed
    assert story.second.written(story.first, "product_views") == {
        "viewed_month=2022-02-01",
        "viewed_month=2022-03-01",
    }


@needs_spark
def test_a_partition_that_ends_up_empty_is_dropped(story: Story) -> None:
    left, filled = f"created_month={LEFT}-01", f"created_month={FILLED}-01"
    assert left in story.first.partitions("votes")
    assert left not in story.second.partitions("votes")
    assert filled in story.second.partitions("votes")
    assert not (story.history.spark / "blog_analysis.db" / "votes" / left).exists()


@needs_spark
def test_files_without_a_vote_or_view_write_nothing(story: Story) -> None:
    assert story.third.files == story.second.files


@needs_spark
def test_the_catalog_lists_what_the_folders_hold(story: Story) -> None:
    """Partitions, too: exported by way of Spark's catalog, and compared with DuckDB's tables."""
    bench, folder = story.history.bench, story.history.bench.root / "exported"
    settings = Settings(bench.project, bench.raw, bench.lake, bench.warehouse)
    parity.export_spark(settings, story.history.spark, folder)
    compared = {table.name: table for table in parity.compare(bench.warehouse, folder)}
    assert set(TABLES) <= set(compared)
    assert [table for table in compared.values() if table.differences] == []


@needs_spark
def test_a_full_refresh_gives_the_same(story: Story) -> None:
    anew = story.history.build("--full-refresh", *UNTESTED)
    for name, (on_duckdb, on_spark) in anew.tables.items():
        assert on_spark == story.third.tables[name][1], name
        assert on_duckdb == on_spark, name
    assert anew.partitions("votes") == story.third.partitions("votes")
    assert anew.written(story.third, "votes") == anew.partitions("votes")
