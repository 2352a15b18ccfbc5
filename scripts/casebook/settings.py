"""Where the project, the raw files, the lake and the warehouse are."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from casebook.errors import CasebookError


@dataclass(frozen=True)
class Settings:
    """Absolute paths that every command works with.

    Attributes:
        project: the dbt project's folder, the one that holds dbt_project.yml.
        raw: files as they were delivered (`CASEBOOK_RAW`).
        lake_place: the folder that the loader lands files in, or the address of a copy of it, as
            `s3a://bucket/lake`, which only Spark reads (`CASEBOOK_LAKE`).
        warehouse: the published DuckDB file (`CASEBOOK_WAREHOUSE`).
    """

    project: Path
    raw: Path
    lake_place: Path | str
    warehouse: Path

    @property
    def lake(self) -> Path:
        """The lake's folder.

        Raises:
            CasebookError: if the lake is at an address.
        """
        if isinstance(self.lake_place, str):
            raise CasebookError(
                "the lake is at an address, which only Spark reads",
                file=self.lake_place,
                fix="run `casebook build --target spark`, or name a folder of this machine with"
                " --lake or CASEBOOK_LAKE; docs/spark.md says how such a folder is copied there",
            )
        return self.lake_place

    @property
    def environment(self) -> dict[str, str]:
        """The settings as the environment variables that profiles.yml reads."""
        return {
            "CASEBOOK_RAW": str(self.raw),
            "CASEBOOK_LAKE": str(self.lake_place),
            "CASEBOOK_WAREHOUSE": str(self.warehouse),
        }


def find_project(start: Path | None = None) -> Path:
    """The dbt project around a folder, or else the one that this package is installed from.

    Args:
        start: where to look first, then in its parents; the current folder by default.

    Raises:
        CasebookError: if there is no dbt_project.yml in any of them.
    """
    start = (start or Path.cwd()).resolve()
    package = Path(__file__).resolve()
    for folder in (start, *start.parents, *package.parents):
        if (folder / "dbt_project.yml").is_file():
            return folder
    raise CasebookError(
        "no dbt_project.yml here or in any folder above",
        file=start,
        fix="run casebook inside the project's folder",
    )


def find_settings(
    raw: str | None = None,
    lake: str | None = None,
    warehouse: str | None = None,
    project: Path | None = None,
) -> Settings:
    """Settings from arguments, else the environment, else the defaults in the project's folder.

    A relative path in an argument or the environment counts from the current folder, as in any
    shell; a default counts from the project's folder.

    Raises:
        CasebookError: if there is no project, an address is given for the raw folder or the
            warehouse, or one that names no host.
    """
    project = find_project(project)

    def place(argument: str | None, variable: str, default: str) -> Path | str:
        chosen = argument or os.environ.get(variable)
        if not chosen:
            return project / default
        if not is_address(chosen):
            return local_path(chosen)
        if ":///" in chosen:
            # Spark names files by their whole address, of which the lake's must be the beginning.
            raise CasebookError(
                "the address names no host or bucket",
                file=chosen,
                fix="name it, as in hdfs://namenode:8020/lake or s3a://bucket/lake",
            )
        return chosen.rstrip("/")

    def folder(argument: str | None, variable: str, default: str) -> Path:
        chosen = place(argument, variable, default)
        if isinstance(chosen, str):
            raise CasebookError(
                f"this is an address, and {variable} names a path of this machine",
                file=chosen,
                fix="give a path; where Spark's tables are is CASEBOOK_SPARK_WAREHOUSE",
            )
        return chosen

    return Settings(
        project=project,
        raw=folder(raw, "CASEBOOK_RAW", "raw"),
        lake_place=place(lake, "CASEBOOK_LAKE", "lake"),
        warehouse=folder(warehouse, "CASEBOOK_WAREHOUSE", "warehouse.db"),
    )


def is_address(place: str) -> bool:
    """Whether a place is not a path of this machine, but as `s3a://bucket/lake`."""
    return "://" in place and not place.startswith("file:")


def local_path(place: str) -> Path:
    """The absolute path that a path or a `file:` address stands for."""
    return Path(place.removeprefix("file:")).absolute()
