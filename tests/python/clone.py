"""A fresh clone in which the sample is built, as `make build` leaves it.

It is made once for all workers of a run. Tests may write below `target/` there, and nothing else.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
from workbench import PROJECT


@dataclass(frozen=True)
class Clone:
    """A checkout without anything that git ignores, the sample built in it, and no variable set.

    Attributes:
        project: its folder.
        built: what `make build` printed.
    """

    project: Path
    built: str = ""

    @property
    def warehouse(self) -> Path:
        return self.project / "warehouse.db"

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command in the clone's folder, with its programs on the path."""
        environment = os.environ | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PWD": str(self.project),
        }
        done = subprocess.run(
            command,
            cwd=self.project,
            env=environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        assert not check or done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
        return done

    def query(self, sql: str, *parameters: object) -> list[tuple]:
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            return connection.execute(sql, list(parameters)).fetchall()


def clone_project(to: Path) -> Clone:
    """Copy what git knows of the project, and what it would take in."""
    listed = subprocess.run(
        ["git", "-C", str(PROJECT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        check=True,
    )
    for name in set(filter(None, listed.stdout.decode().split("\0"))):
        source = PROJECT / name
        if source.is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, to / name)
    return Clone(to)


@pytest.fixture(scope="session")
def built_clone(tmp_path_factory, worker_id) -> Clone:
    """Such a clone right after `make build`; the environment is that of the running tests."""
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent
    clone = Clone(shared / "clone" / "casebook")
    with (shared / "clone.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        printed = shared / "clone.txt"
        if not printed.exists():
            clone_project(clone.project)
            # The running tests' own environment, which make is not to make anew.
            (clone.project / ".venv").symlink_to(Path(sys.prefix))
            done = clone.run("make", "--old-file=.venv/.run", "build")
            printed.write_text(done.stdout + done.stderr, encoding="utf-8")
    return Clone(clone.project, printed.read_text(encoding="utf-8"))
