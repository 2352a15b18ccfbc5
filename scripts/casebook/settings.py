"""Where the project, the raw files, the lake and the warehouse are."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from casebook.errors import CasebookError

MARK = "_lake.json"


@dataclass(frozen=True)
class Settings:
    """Absolute paths that every command works with.

    Attributes:
        project: the folder that holds dbt_project.yml.
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

    def delivery(self, path: Path) -> Path:
        """A path as it was given; `raw/…` that is not there is one of the raw folder's.

        Right after the sample was built, `raw/blog` is the sample's.
        """
        below = path.parts[1:]
        if path.exists() or path.parts[:1] != ("raw",) or not self.raw.joinpath(*below).exists():
            return path
        return self.raw.joinpath(*below)

    @property
    def environment(self) -> dict[str, str]:
        """The settings as the environment variables that profiles.yml reads."""
        return {
            "CASEBOOK_RAW": str(self.raw),
            "CASEBOOK_LAKE": str(self.lake_place),
            "CASEBOOK_WAREHOUSE": str(self.warehouse),
        }


def find_project(start: Path | None = None) -> Path:
    """The dbt project around a folder, or else the one that this package is installed from."""
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
    *,
    published: bool = False,
    sample: bool = False,
) -> Settings:
    """Settings from arguments, else the environment, else what suits the command.

    A relative path in an argument or the environment counts from the current folder, as in any
    shell; a default counts from the project's folder. Where neither a raw folder nor a lake is
    given, they are `raw/` and `lake/` if `raw/` holds deliveries, and else those that the published
    warehouse was built from.

    Args:
        raw: the raw folder, as it was given.
        lake: the lake, as it was given.
        warehouse: the warehouse, as it was given.
        project: where to look for the project; the current folder by default.
        published: the command asks about what is published: what lies in `raw/` does not matter.
        sample: where there are neither deliveries nor a published warehouse, the project's sample
            is the raw folder, with a lake of its own.

    Raises:
        CasebookError: if there is no project, an address is given for the raw folder or the
            warehouse, or one that names no host, or the warehouse cannot be read.
    """
    project = find_project(project)
    raw, lake = raw or os.environ.get("CASEBOOK_RAW"), lake or os.environ.get("CASEBOOK_LAKE")
    given = warehouse or os.environ.get("CASEBOOK_WAREHOUSE") or str(project / "warehouse.db")
    file = _folder(given, "CASEBOOK_WAREHOUSE")
    own = not published and (bool(raw) or holds_deliveries(project / "raw"))
    if lake:
        place = _place(lake)
    elif not own and (built_from := lake_of(file)):
        place = _place(built_from)
    elif sample and not own and not file.exists():
        raw, place = str(project / "sample"), project / "target" / "sample_lake"
    else:
        place = project / "lake"
    if raw:
        folder = _folder(raw, "CASEBOOK_RAW")
    elif own or isinstance(place, str):
        folder = project / "raw"
    else:
        folder = Path(read_mark(place).get("raw", project / "raw"))
    return Settings(project, folder, place, file)


def holds_deliveries(raw: Path) -> bool:
    """Whether there is a file in a source's folder, dot files apart."""
    return any(
        path.is_file() and not any(part.startswith(".") for part in path.relative_to(raw).parts)
        for pattern in ("*/*", "*/*/**/*")
        for path in raw.glob(pattern)
    )


def lake_of(warehouse: Path) -> str | None:
    """The lake that a warehouse was built from; None where there is none, or it does not say."""
    if not warehouse.exists():
        return None
    import duckdb

    try:
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            found = connection.execute("select lake from raw_lake.pinned").fetchone()
    except duckdb.CatalogException:
        return None
    except duckdb.Error as error:
        raise CasebookError(
            f"the warehouse cannot be opened: {str(error).splitlines()[0]}",
            file=warehouse,
            fix="wait if `dbt build` is writing it; if it is damaged, move it away and run"
            " `casebook build`, which makes it anew from the lake",
        ) from error
    return found[0] if found else None


def read_mark(lake: Path) -> dict[str, str]:
    """What a lake says of itself, its raw folder as `raw`; empty where nothing was loaded yet.

    Raises:
        CasebookError: if its mark is damaged.
    """
    try:
        content = json.loads((lake / MARK).read_bytes())
        if not isinstance(content, dict) or not isinstance(content["raw"], str):
            raise ValueError("it names no raw folder")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (ValueError, LookupError) as error:
        raise CasebookError(
            f"it cannot be read: {error}",
            file=lake / MARK,
            fix="delete it: the next `casebook load` writes it anew",
        ) from error
    return content


def _place(given: str) -> Path | str:
    if not is_address(given):
        return local_path(given)
    if ":///" in given:
        # Spark names files by their whole address, of which the lake's must be the beginning.
        raise CasebookError(
            "the address names no host or bucket",
            file=given,
            fix="name it, as in hdfs://namenode:8020/lake or s3a://bucket/lake",
        )
    return given.rstrip("/")


def _folder(given: str, variable: str) -> Path:
    place = _place(given)
    if isinstance(place, str):
        raise CasebookError(
            f"this is an address, and {variable} names a path of this machine",
            file=place,
            fix="give a path; where Spark's tables are is CASEBOOK_SPARK_WAREHOUSE",
        )
    return place


def is_address(place: str) -> bool:
    """Whether a place is not a path of this machine, but as `s3a://bucket/lake`."""
    return "://" in place and not place.startswith("file:")


def local_path(place: str) -> Path:
    """The absolute path that a path or a `file:` address stands for."""
    return Path(place.removeprefix("file:")).absolute()
