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
        lake: what the loader lands (`CASEBOOK_LAKE`).
        warehouse: the published DuckDB file (`CASEBOOK_WAREHOUSE`).
    """

    project: Path
    raw: Path
    lake: Path
    warehouse: Path

    @property
    def environment(self) -> dict[str, str]:
        """The settings as the environment variables that profiles.yml reads."""
        return {
            "CASEBOOK_RAW": str(self.raw),
            "CASEBOOK_LAKE": str(self.lake),
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
    raw: Path | None = None,
    lake: Path | None = None,
    warehouse: Path | None = None,
    project: Path | None = None,
) -> Settings:
    """Settings from arguments, else the environment, else the defaults in the project's folder.

    A relative path in an argument or the environment counts from the current folder, as in any
    shell; a default counts from the project's folder.
    """
    project = find_project(project)

    def place(argument: Path | None, variable: str, default: str) -> Path:
        chosen = argument or os.environ.get(variable)
        return Path(chosen).absolute() if chosen else project / default

    return Settings(
        project=project,
        raw=place(raw, "CASEBOOK_RAW", "raw"),
        lake=place(lake, "CASEBOOK_LAKE", "lake"),
        warehouse=place(warehouse, "CASEBOOK_WAREHOUSE", "warehouse.db"),
    )
