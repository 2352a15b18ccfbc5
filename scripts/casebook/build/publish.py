"""Build into a candidate file and publish it, so that readers never see half a warehouse."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from casebook.errors import CasebookError
from casebook.settings import Settings

SELECTS = {"--select", "-s", "--selector"}


@dataclass(frozen=True)
class Problem:
    """A model or test that kept a build from being published, or that someone should look at.

    Attributes:
        name: the model's or test's name.
        kind: `model`, `test`, `unit_test` or `seed`.
        message: what dbt says of it.
        table: where a failed data test stored the wrong rows, or None.
    """

    name: str
    kind: str
    message: str
    table: str | None = None


@dataclass(frozen=True)
class BuildResult:
    """How a build ended.

    Attributes:
        published: whether `warehouse` was replaced.
        warehouse: the file that readers open.
        candidate: the file that was built into; gone once it is published.
        failures: what kept it from being published, empty if it was.
        warnings: tests of severity warn that found something.
    """

    published: bool
    warehouse: Path
    candidate: Path
    failures: tuple[Problem, ...]
    warnings: tuple[Problem, ...]


def candidate_of(warehouse: Path) -> Path:
    """The file beside a warehouse that builds write into before they publish it."""
    return warehouse.with_name(f"{warehouse.stem}_candidate.db")


def build(
    settings: Settings,
    dbt_command: str = "build",
    dbt_options: Sequence[str] = (),
    *,
    quiet: bool = False,
) -> BuildResult:
    """Run dbt into a candidate, and replace the warehouse by it if every error-level test passed.

    The candidate begins as a copy of the published warehouse, so that incremental models go on
    from there. Nothing but the final rename touches the published file.

    Args:
        settings: where everything is.
        dbt_command: `build`, or `run` to build without tests.
        dbt_options: further options for dbt, such as `--select`, `+votes`.
        quiet: print only dbt's errors.

    Returns:
        Whether it was published and, if not, what failed.

    Raises:
        CasebookError: if another build of the same warehouse is running, dbt could not run, or
            the selection is empty.
    """
    warehouse, candidate = settings.warehouse, candidate_of(settings.warehouse)
    warehouse.parent.mkdir(parents=True, exist_ok=True)
    with only_build(warehouse.with_name(f"{warehouse.stem}.db.lock"), warehouse):
        _remove_database(candidate)
        if warehouse.exists():
            shutil.copyfile(warehouse, candidate)
        results = target_folder(settings) / "run_results.json"
        results.unlink(missing_ok=True)
        options = with_tests_that_can_run(dbt_options)
        status = run_dbt(
            settings,
            [dbt_command, *options],
            quiet=quiet,
            environment={"CASEBOOK_WAREHOUSE": str(candidate)},
        )
        if not results.exists():
            _remove_database(candidate)
            raise CasebookError(
                f"dbt could not run: it ended with status {status}; nothing was built",
                fix="see what dbt says above; `dbt build --help` lists its options",
            )
        built, failures, warnings = read_results(results)
        if status == 0 and not built:
            _remove_database(candidate)
            raise CasebookError(
                "the selection names no model: nothing was built",
                fix="`dbt ls` lists what can be selected",
            )
        if status != 0:
            failures = failures or (Problem("dbt", "command", f"dbt ended with status {status}"),)
            return BuildResult(False, warehouse, candidate, failures, warnings)
        _publish(candidate, warehouse)
        return BuildResult(True, warehouse, candidate, (), warnings)


def target_folder(settings: Settings) -> Path:
    """The folder that dbt writes its artifacts to (`DBT_TARGET_PATH`, by default `target`)."""
    return settings.project / os.environ.get("DBT_TARGET_PATH", "target")


def git_revision(project: Path) -> str:
    """The checked-out commit, with `+changes` where files differ from it; empty without git."""
    try:
        commit = _git(project, "rev-parse", "HEAD")
        changes = _git(project, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return ""
    return commit + ("+changes" if changes else "")


def with_tests_that_can_run(options: Sequence[str]) -> list[str]:
    """Options of dbt, such that a selection brings along only tests of what it builds.

    By default dbt also runs tests that compare a selected model with one that was not selected, and
    so may be older or not there at all.
    """
    names = {option.split("=")[0] for option in options}
    if names & SELECTS and "--indirect-selection" not in names:
        return [*options, "--indirect-selection", "buildable"]
    return list(options)


def _git(project: Path, *arguments: str) -> str:
    run = subprocess.run(
        ["git", "-C", str(project), *arguments], capture_output=True, text=True, check=True
    )
    return run.stdout.strip()


def run_dbt(
    settings: Settings,
    arguments: Sequence[str],
    *,
    quiet: bool,
    environment: Mapping[str, str],
    first: str = "",
    noise: tuple[str, ...] = (),
) -> int:
    """Run dbt in the project's folder, and show its log.

    Args:
        settings: where everything is.
        arguments: dbt's command and options.
        quiet: print only dbt's errors.
        environment: what it gets beside the settings.
        first: Python to run before dbt.
        noise: how lines of stderr begin that say nothing.

    Returns:
        dbt's exit status.
    """
    variables = {**os.environ, **settings.environment, **environment}
    variables["CASEBOOK_GIT_REVISION"] = git_revision(settings.project)
    dbt = [sys.executable, "-c", f"{first}from dbt.cli.main import cli; cli(prog_name='dbt')"]
    if quiet:
        dbt.append("--quiet")
    if not sys.stderr.isatty():
        dbt.append("--no-use-colors")
    # dbt's log is progress, and stdout is for results.
    with subprocess.Popen(
        [*dbt, *arguments],
        cwd=settings.project,
        env=variables,
        stdout=sys.stderr,
        stderr=subprocess.PIPE if noise else None,
    ) as run:
        for line in run.stderr or ():
            if not line.startswith(tuple(start.encode() for start in noise)):
                sys.stderr.buffer.write(line)
                sys.stderr.buffer.flush()
    return run.returncode


@contextlib.contextmanager
def only_build(lock_file: Path, warehouse: object) -> Iterator[None]:
    """Hold the lock of a warehouse while it is built.

    Raises:
        CasebookError: if another build of it is running.
    """
    with lock_file.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CasebookError(
                "another build of this warehouse is running",
                file=warehouse,
                fix="wait until it has ended; `lsof` on the .lock file beside it names the process",
            ) from error
        yield


def _remove_database(path: Path) -> None:
    for part in (path, path.with_name(f"{path.name}.wal")):
        part.unlink(missing_ok=True)
    shutil.rmtree(path.with_name(f"{path.name}.tmp"), ignore_errors=True)


def _publish(candidate: Path, warehouse: Path) -> None:
    import duckdb

    with duckdb.connect(str(candidate)) as connection:
        connection.execute("checkpoint")
    with candidate.open("rb") as file:
        os.fsync(file.fileno())
    candidate.replace(warehouse)
    folder = os.open(warehouse.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read_results(results: Path) -> tuple[int, tuple[Problem, ...], tuple[Problem, ...]]:
    """How many nodes ran, which failed, and which warned, from dbt's run_results.json."""
    found: list[dict[str, Any]] = json.loads(results.read_text(encoding="utf-8"))["results"]

    def of(*statuses: str) -> tuple[Problem, ...]:
        return tuple(map(_problem, (one for one in found if one["status"] in statuses)))

    return len(found), of("error", "fail", "runtime error"), of("warn")


def _problem(result: Mapping[str, Any]) -> Problem:
    kind, _, name, *_ = result["unique_id"].split(".")
    return Problem(
        name=name,
        kind=kind,
        message=(result.get("message") or "").strip(),
        # Of a model it is the model itself.
        table=result.get("relation_name") if kind == "test" else None,
    )
