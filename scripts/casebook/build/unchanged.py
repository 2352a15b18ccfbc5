"""What a published build was made of, so that what is the same need not be built again."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
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


@dataclass(frozen=True)
class MadeOf:
    """All that a build's outcome depends on.

    Attributes:
        project: a hash of project, options, versions, and the lake's place.
        tables: a hash of the ledger's entries of each table, by `source.table`.
    """

    project: str
    tables: dict[str, str]

    def changed_since(self, earlier: MadeOf) -> list[str]:
        """The tables whose deliveries are others than they were; `earlier` is of one project."""
        names = self.tables.keys() | earlier.tables.keys()
        return sorted(name for name in names if self.tables.get(name) != earlier.tables.get(name))


def made_of(settings: Settings, dbt_command: str, dbt_options: Sequence[str]) -> MadeOf:
    """What a build with these options is made of now."""
    project = hashlib.sha256()
    _add(project, str(settings.lake), str(settings.project), dbt_command, *dbt_options)
    _add(project, *(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES))
    for name in sorted(os.environ):
        if name.startswith(("CASEBOOK_", "DBT_")) and not IRRELEVANT.match(name):
            _add(project, name, os.environ[name])
    for path in _project_files(settings.project):
        _add(project, str(path), path.read_bytes())
    ledger = settings.lake / "_ledger"
    tables: defaultdict[str, hashlib._Hash] = defaultdict(hashlib.sha256)
    for path in sorted(ledger.rglob("~entry.json")):
        source, table, *_ = path.relative_to(ledger).parts
        lines = path.read_bytes().split(b"\n")
        content = (line for line in lines if not STATE.match(line))
        _add(tables[f"{source}.{table}"], str(path), *content)
    return MadeOf(project.hexdigest(), {name: one.hexdigest() for name, one in tables.items()})


def _add(digest: hashlib._Hash, *texts: str | bytes) -> None:
    for text in texts:
        content = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
        digest.update(b"%d:%b" % (len(content), content))


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


def last_build(warehouse: Path) -> tuple[MadeOf, tuple[Problem, ...]] | None:
    """What the published build was made of, and its warnings, where no other came after it."""
    if not warehouse.exists() or warehouse.with_name(f"{warehouse.name}.wal").exists():
        return None
    try:
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            found = connection.execute(
                "select made_of, warnings from raw_lake.published where build_number ="
                " (select max(build_number) from raw_lake.build_numbers)"
            ).fetchone()
    except duckdb.CatalogException:
        return None
    except duckdb.Error:
        # What is wrong with the file shows when it is built upon.
        return None
    # An earlier version wrote one hash.
    if not found or not found[0].startswith("{"):
        return None
    warnings = tuple(Problem(**one) for one in json.loads(found[1]))
    return MadeOf(**json.loads(found[0])), warnings


def write_down(candidate: Path, what: MadeOf, warnings: Sequence[Problem]) -> None:
    """Enter what a build was made of into what it built."""
    with duckdb.connect(str(candidate)) as connection:
        connection.execute("create schema if not exists raw_lake")
        try:
            connection.execute(
                "create or replace table raw_lake.published as"
                " select ? as made_of, max(build_number) as build_number, ? as warnings"
                " from raw_lake.build_numbers",
                [json.dumps(asdict(what)), json.dumps([asdict(one) for one in warnings])],
            )
        except duckdb.CatalogException:
            # An empty build is not recorded.
            connection.execute("drop table if exists raw_lake.published")
