"""A raw folder, a lake and a warehouse of a test's own, and the commands that work on them."""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import forked

PROJECT = Path(__file__).parents[2]
DATA = PROJECT / "tests" / "data"
# The public files that the specification gives figures of, where they are beside the project; else,
# or where EXTRACT_ONLY is set, a small extract in their form.
SHARED_RAW = PROJECT.parent / "shared" / "data" / "raw"
IS_WHOLE = SHARED_RAW.is_dir() and "EXTRACT_ONLY" not in os.environ
PUBLIC_RAW = SHARED_RAW if IS_WHOLE else DATA / "raw"
FIGURES = json.loads((DATA / "figures.json").read_text())["whole" if IS_WHOLE else "extract"]

PARTS = (
    *("analyses", "docs", "macros", "models", "seeds", "tests", "dbt_project.yml", "profiles.yml"),
    *(".sqlfluff", "dbt-bouncer.yml"),
)
CASES = {path.name for path in (PROJECT / "models" / "marts").iterdir() if path.is_dir()} - {
    "audit"
}
REF = re.compile(r"ref\('(\w+)'\)")

# For builds of which only the rows are looked at; others of the same models run dbt's tests.
UNTESTED = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")

# Everything that readers of the blog marts see, apart from when it was loaded.
BLOG_MARTS = {
    "votes": "select * exclude (loaded_at) from blog_analysis.votes order by all",
    "weekly_votes": "select * from blog_analysis.weekly_votes order by all",
    "outlier_weeks": "select * from blog_analysis.outlier_weeks",
    "rejected_rows": "select * exclude (build_number) from audit.rejected_rows order by all",
    "row_accounting": "select * exclude (build_number) from audit.row_accounting order by all",
}


@dataclass
class Workbench:
    """Folders below `root`, and `casebook` and `dbt` run on them as a user would.

    Attributes:
        root: where everything of this test is.
        project: the dbt project that the commands work in.
        defaults: do not say in the environment where raw files, lake and warehouse are.
        starts_anew: start programs, where what that takes is looked at, instead of forking them.
    """

    root: Path
    project: Path = PROJECT
    defaults: bool = False
    starts_anew: bool = False
    raw: Path = field(init=False)
    lake: Path = field(init=False)
    warehouse: Path = field(init=False)

    def __post_init__(self) -> None:
        self.raw, self.lake = self.root / "raw", self.root / "lake"
        self.warehouse = self.root / "warehouse.db"

    @property
    def environment(self) -> dict[str, str]:
        dbt = {
            "DBT_TARGET_PATH": str(self.root / "target"),
            "DBT_LOG_PATH": str(self.root / "logs"),
        }
        if self.defaults:
            return os.environ | dbt
        folders = {
            "CASEBOOK_RAW": str(self.raw),
            "CASEBOOK_LAKE": str(self.lake),
            "CASEBOOK_WAREHOUSE": str(self.warehouse),
        }
        return os.environ | dbt | folders

    def clear(self) -> None:
        """Remove all but what dbt has parsed."""
        for path in self.root.iterdir():
            if path.is_dir() and path.name != "target":
                shutil.rmtree(path)
            elif path.name != "target":
                path.unlink()

    def run(self, *command: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        """Run a program in the project's folder; its exit status must be the one expected."""
        environment = self.environment | {"PWD": str(self.project)}
        if self.starts_anew or "spark" in command:
            done = subprocess.run(
                [str(Path(sys.executable).with_name(command[0])), *command[1:]],
                cwd=self.project,
                env=environment,
                capture_output=True,
                text=True,
                stdin=subprocess.DEVNULL,
                check=False,
            )
        else:
            done = forked.run(command, self.project, environment)
        assert done.returncode == status, f"{command}: {done.stdout}\n{done.stderr}"
        return done

    def casebook(self, *arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        return self.run("casebook", *arguments, status=status)

    def dbt(self, *arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        return self.run("dbt", *arguments, status=status)

    def write(self, name: str, records: list[dict[str, Any]] | bytes) -> Path:
        """Write a raw file of votes: bytes as they are, or records as JSON lines."""
        path = self.raw / "blog" / "votes" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not isinstance(records, bytes):
            records = b"".join(json.dumps(record).encode() + b"\n" for record in records)
        path.write_bytes(records)
        return path

    def query(self, sql: str, *parameters: object) -> list[tuple]:
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            return connection.execute(sql, list(parameters)).fetchall()

    def blog_marts(self) -> dict[str, list[tuple]]:
        return {name: self.query(sql) for name, sql in BLOG_MARTS.items()}


def copy_project(to: Path, *cases: str) -> Path:
    """A copy of the dbt project, to be changed, with some of its cases: it is built sooner.

    Args:
        to: the folder that it is to be; there is none yet.
        cases: the cases that it keeps; all by default.
    """
    to.mkdir(parents=True)
    for part in PARTS:
        copy = shutil.copytree if (PROJECT / part).is_dir() else shutil.copy
        copy(PROJECT / part, to / part)
    for case in CASES - set(cases or CASES):
        for layer in ("staging", "intermediate", "marts"):
            shutil.rmtree(to / "models" / layer / case)
    known = {path.stem for part in ("models", "seeds") for path in (to / part).rglob("*.*")}
    readers = [to / "models" / "exposures.yml"]
    readers += [
        path
        for part in ("tests", "analyses", "models/metrics")
        for path in (to / part).rglob("*.*")
        if path.suffix in (".sql", ".yml")
    ]
    for path in readers:
        if path.exists() and not set(REF.findall(path.read_text())) <= known:
            path.unlink()
            path.with_suffix(".yml").unlink(missing_ok=True)
    settings = to / "dbt_project.yml"
    text = settings.read_text()
    for case in CASES - set(cases or CASES):
        # The lists that the audit reads.
        text = re.sub(rf"^    {case}\.\w+:.*\n(?:      .*\n)*", "", text, flags=re.M)
        text = re.sub(rf"^    - int_{case}__\w+\n", "", text, flags=re.M)
    text = re.sub(r"^(  left_out_items:)\n(?!    -)", r"\1 []\n", text, flags=re.M)
    settings.write_text(text)
    return to


def lint(bench: Workbench, *folders: str) -> None:
    """What `make lint` does with the dbt project: sqlfluff for folders of it, and dbt-bouncer."""
    programs = Path(sys.executable).parent
    environment = bench.environment | {"DBT_TARGET_PATH": "target/lint/dbt"}
    environment |= {"PWD": str(bench.project), "PATH": f"{programs}:{os.environ['PATH']}"}
    for name, *arguments in (
        ["sqlfluff", "lint", *folders],
        ["dbt", "--quiet", "parse"],
        ["dbt-bouncer", "run", "--show-all-failures", "--only", "manifest_checks"],
    ):
        done = subprocess.run(
            [str(programs / name), *arguments],
            cwd=bench.project,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


@functools.cache
def project_with(*cases: str) -> Path:
    """Such a copy, shared by all tests that leave it as it is."""
    folder = tempfile.mkdtemp(prefix="casebook_")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return copy_project(Path(folder) / "project", *cases)


# Folders that no test has at the moment, by the cases of their project, and whether it is theirs.
FREE: dict[tuple[object, ...], list[Path]] = {}


@contextlib.contextmanager
def workbench_of(*cases: str, own: bool = False) -> Iterator[Workbench]:
    """An empty workbench with some of the cases, in a folder where dbt may have parsed them.

    dbt parses anew for another path of the warehouse, which takes as long as a small build.

    Args:
        cases: the cases of its project.
        own: give it a copy of the project of its own, to be changed.
    """
    free = FREE.setdefault((own, *cases), [])
    root = free.pop() if free else Path(tempfile.mkdtemp(dir=project_with(*cases).parent))
    try:
        yield Workbench(
            root, copy_project(root / "project", *cases) if own else project_with(*cases)
        )
    finally:
        Workbench(root).clear()
        free.append(root)


def vote(number: int, on: str = "2022-01-02", **others: object) -> dict[str, Any]:
    """A vote as the site delivers it, on a post of its own."""
    record = {
        "Id": str(number),
        "PostId": str(100 + number),
        "VoteTypeId": "2",
        "CreationDate": f"{on}T00:00:00.000",
    }
    return record | others


def catches(pid: int, number: signal.Signals, how: str = "SigCgt") -> bool:
    """Whether a program catches a signal, or ignores it (`SigIgn`)."""
    status = Path(f"/proc/{pid}/status").read_text()
    return bool(int(status.partition(f"{how}:")[2].split()[0], 16) >> number - 1 & 1)
