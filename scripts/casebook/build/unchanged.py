"""What a published build was made of, so that a build of the same can be left out."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import duckdb
import yaml

from casebook.build.dbt import Problem
from casebook.settings import Settings

# Folders of a dbt project, as dbt_project.yml names them, and their names by default.
FOLDERS = {
    "model-paths": ["models"],
    "macro-paths": ["macros"],
    "seed-paths": ["seeds"],
    "snapshot-paths": ["snapshots"],
    "analysis-paths": ["analyses"],
    "test-paths": ["tests"],
    "docs-paths": ["docs"],
}
PACKAGES = ("casebook", "dbt-core", "dbt-duckdb", "duckdb")
# Where dbt writes and logs, and whether a person watches, changes nothing that is built.
IRRELEVANT = re.compile(r"CASEBOOK_(RAW|MEMORY)$|DBT_(TARGET_PATH|LOG_\w+|USE_COLORS\w*)$")
# What a file was on a run is not what is in it; one that is gone or refused is looked at.
STATE = re.compile(
    rb'^ ?"(state": "(new|unchanged|redeclared|appended|amended|shrunk)|modified_ns").*'
)


def fingerprint(settings: Settings, dbt_command: str, dbt_options: Sequence[str]) -> str:
    """A hash of all that a build's outcome depends on: lake, project, options, versions."""
    digest = hashlib.sha256()

    def add(*texts: str | bytes) -> None:
        for text in texts:
            content = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
            digest.update(b"%d:%b" % (len(content), content))

    add(str(settings.lake), str(settings.project), dbt_command, *dbt_options)
    add(*(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES))
    for name in sorted(os.environ):
        if name.startswith(("CASEBOOK_", "DBT_")) and not IRRELEVANT.match(name):
            add(name, os.environ[name])
    for path in _project_files(settings.project):
        add(str(path), path.read_bytes())
    for path in sorted((settings.lake / "_ledger").rglob("~entry.json")):
        lines = path.read_bytes().split(b"\n")
        add(str(path), *(line for line in lines if not STATE.match(line)))
    return digest.hexdigest()


def _project_files(project: Path) -> Iterator[Path]:
    try:
        declared = yaml.safe_load((project / "dbt_project.yml").read_text(encoding="utf-8"))
    except yaml.YAMLError:
        declared = {}  # dbt says what is wrong with it.
    yield from sorted(project.glob("*.yml"))
    for name, folders in FOLDERS.items():
        for folder in declared.get(name, folders):
            for path in sorted((project / folder).rglob("*")):
                if path.suffix in (".sql", ".yml", ".yaml", ".csv", ".md") and path.is_file():
                    yield path


def warnings_of_same(warehouse: Path, made_of: str) -> tuple[Problem, ...] | None:
    """The warnings of the published build, where it was made of just that, and is the last one."""
    if not warehouse.exists() or warehouse.with_name(f"{warehouse.name}.wal").exists():
        return None
    try:
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            found = connection.execute(
                "select warnings from raw_lake.published"
                " where made_of = ? and build_number ="
                " (select max(build_number) from raw_lake.build_numbers)",
                [made_of],
            ).fetchone()
    except duckdb.CatalogException:
        return None
    except duckdb.Error:
        # What is wrong with the file shows when it is built upon.
        return None
    return tuple(Problem(**one) for one in json.loads(found[0])) if found else None


def write_down(candidate: Path, made_of: str, warnings: Sequence[Problem]) -> None:
    """Enter what a build was made of into what it built."""
    with duckdb.connect(str(candidate)) as connection:
        connection.execute("create schema if not exists raw_lake")
        try:
            connection.execute(
                "create or replace table raw_lake.published as"
                " select ? as made_of, max(build_number) as build_number, ? as warnings"
                " from raw_lake.build_numbers",
                [made_of, json.dumps([asdict(one) for one in warnings])],
            )
        except duckdb.CatalogException:
            # An empty build is not recorded.
            connection.execute("drop table if exists raw_lake.published")
