"""Where the rows of marts are from: one of every mart, followed to its records."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
import yaml
from casebook.ask.trace import trace
from casebook.load.original import original_text
from casebook.settings import Settings
from workbench import PROJECT

MARTS = sorted(
    model["name"]
    for path in PROJECT.glob("models/marts/*/*.yml")
    for model in yaml.safe_load(path.read_text(encoding="utf-8")).get("models", [])
    if path.parent.name != "audit" and path.stem not in ("ctr", "recommendations_for_user")
)


@pytest.fixture(scope="module")
def warehouse(built_clone) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(built_clone.warehouse), read_only=True) as connection:
        yield connection


def settings_of(clone, raw: Path) -> Settings:
    return Settings(clone.project, raw, clone.project / "target" / "sample_lake", clone.warehouse)


@pytest.mark.parametrize("mart", MARTS)
def test_rows_of_every_mart_are_traced_to_records_and_add_up(built_clone, warehouse, mart) -> None:
    [(relation, keys)] = warehouse.execute(
        "select relation, keys from audit.declarations where name = ?", [mart]
    ).fetchall()
    key = json.loads(keys)[0]
    columns = ", ".join(f'"{column}"' for column in key)
    rows = warehouse.execute(
        f"select {columns} from {relation} order by hash({columns}) limit 3"
    ).fetchall()
    assert rows
    for values in rows:
        [found] = trace(warehouse, relation, list(map(str, values)))
        origins = [found.origin] if found.origin else []
        for part in found.parts:
            for how, value, has in part.figures.values():
                assert value == has, how
            assert len(part.origins) == part.rows
            origins += part.origins
        assert origins
        raw = built_clone.project / "sample"
        assert original_text(settings_of(built_clone, raw), origins[0]).text


def test_an_aggregate_is_shown_with_its_rows_and_says_which_raw_file_changed(built_clone) -> None:
    [(genre, year, movies)] = built_clone.query(
        "select genre_id, release_year, movie_count from movies.genre_year_facts"
        " where movie_count > 2 order by all limit 1"
    )
    command = ("casebook", "trace", "genre_year_facts", str(genre), str(year), "--rows", "1")
    shown = built_clone.run(*command).stdout
    assert f"{movies:,} rows of movies.movies\n" in shown
    assert f" {movies} = count(*)\n" in shown
    assert shown.count("original text") == shown.count("raw file") == 1
    assert f"… and {movies - 1} more" in shown
    raw = built_clone.project / "target" / "changed"
    shutil.copytree(built_clone.project / "sample", raw)
    for file in filter(Path.is_file, (raw / "movies").rglob("*")):
        file.write_bytes(file.read_bytes() + b"\n")
    assert "has changed since it was landed" in built_clone.run(*command, "--raw", str(raw)).stdout
    shutil.rmtree(raw / "movies")
    assert "is gone" in built_clone.run(*command, "--raw", str(raw)).stdout
    shutil.rmtree(raw)
