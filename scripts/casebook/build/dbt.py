"""Runs of dbt: in a process of their own, which ends with this one; what they log and found."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from casebook.errors import CasebookError
from casebook.settings import Settings

FAILED = {"error", "fail", "runtime error"}
SELECTS = {"--select", "-s", "--selector"}
# Linux ends dbt when this program ends, however that comes about: it asks for it by `prctl`.
START = (
    "import ctypes, os, signal, sys; parent = {parent};"
    " sys.platform == 'linux' and ctypes.CDLL(None).prctl(1, signal.SIGKILL);"
    " os.getppid() == parent or os._exit(1); {first}"
    "from dbt.cli.main import cli; cli(prog_name='dbt')"
)


@dataclass(frozen=True)
class Problem:
    """A model or test that kept a build from being published, or that someone should look at.

    Attributes:
        name: its name.
        kind: `model`, `test`, `unit_test` or `seed`.
        message: what dbt says of it, over as many lines as it takes.
        rows: how many wrong rows a data test found, or None.
        table: `schema.table` that the wrong rows are stored in, or None.
    """

    name: str
    kind: str
    message: str
    rows: int | None = None
    table: str | None = None


@dataclass
class Watcher:
    """Whom a run of dbt is shown to, while it runs.

    Attributes:
        verbose: show all that dbt logs, and let it log more into its file.
        show: is given texts to show: the log, or what macros tell.
        advance: is told how many nodes are done, and how many there are.
    """

    verbose: bool = False
    show: Callable[[str], None] | None = None
    advance: Callable[[int, int], None] | None = None


@dataclass
class DbtRun:
    """How a run of dbt ended.

    Attributes:
        status: its exit status.
        nodes: how many models, seeds and tests ran, or None where dbt could not run at all.
        failures: what failed.
        warnings: tests of severity warn that found something.
        errors: what dbt says where it could not run.
        names: what ran.
    """

    status: int
    nodes: int | None = None
    failures: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    errors: list[str] = field(default_factory=list)
    names: frozenset[str] = frozenset()

    def check(self, fix: str) -> None:
        """Raise a CasebookError if dbt could not run, or had nothing to run."""
        if self.nodes is None:
            said = "\n".join(self.errors) or f"it ended with status {self.status}"
            raise CasebookError(f"dbt could not run: {said}\nNothing was built.", fix=fix)
        if self.status == 0 and not self.nodes:
            fix = "`dbt ls` lists what can be selected"
            raise CasebookError("the selection names no model: nothing was built", fix=fix)
        if self.status != 0 and not self.failures:
            self.failures = (Problem("dbt", "command", f"dbt ended with status {self.status}"),)


def target_folder(settings: Settings) -> Path:
    """The folder for the artifacts of builds, apart from those of `dbt` by itself.

    Both parse anew where the other has been: the warehouse's path is another.
    """
    return settings.project / os.environ.get("DBT_TARGET_PATH", "target") / "build"


def with_tests_that_can_run(options: Sequence[str]) -> list[str]:
    """Options of dbt, such that a selection brings along only tests of what it builds.

    By default dbt also runs tests that compare a selected model with one that was not selected, and
    so may be older or not there at all.
    """
    names = {option.split("=")[0] for option in options}
    if names & SELECTS and "--indirect-selection" not in names:
        return [*options, "--indirect-selection", "buildable"]
    return list(options)


def _git_revision(project: Path) -> str:
    """The checked-out commit, with `+changes` where files differ from it; empty without git."""
    git = ["git", "-C", str(project)]
    try:
        commit = subprocess.check_output([*git, "rev-parse", "HEAD"], stderr=subprocess.DEVNULL)
        status = [*git, "status", "--porcelain", "--untracked-files=no"]
        changes = subprocess.check_output(status, stderr=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return commit.decode().strip() + ("+changes" if changes.strip() else "")


def run_dbt(
    settings: Settings,
    arguments: Sequence[str],
    *,
    target: Path,
    environment: Mapping[str, str],
    watcher: Watcher | None = None,
    first: str = "",
    noise: tuple[str, ...] = (),
) -> DbtRun:
    """Run dbt in the project's folder.

    Args:
        settings: where everything is.
        arguments: dbt's command and options.
        target: the folder for its artifacts.
        environment: what it gets beside the settings.
        watcher: whom to show it to while it runs.
        first: Python to run before dbt.
        noise: how lines begin that say nothing, and are no events of dbt's.
    """
    watcher = watcher or Watcher()
    variables = {
        **os.environ,
        **settings.environment,
        **environment,
        "DBT_TARGET_PATH": str(target),
        "DBT_ENV_CUSTOM_ENV_CASEBOOK_GIT_REVISION": _git_revision(settings.project),
    }
    flags = ["--log-format", "json", "--log-format-file", "text", "--no-use-colors"]
    flags += [] if watcher.verbose else ["--log-level-file", "info"]
    code = START.format(parent=os.getpid(), first=first)
    target.mkdir(parents=True, exist_ok=True)
    # Another run, for another warehouse of the project, would write over its results.
    with (target / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        results = target / "run_results.json"
        results.unlink(missing_ok=True)
        # In a group of its own: Ctrl-C reaches this program alone, which ends the group.
        with subprocess.Popen(
            [sys.executable, "-c", code, *flags, *arguments],
            cwd=settings.project,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process:
            try:
                errors = _follow(process, watcher, noise)
            except BaseException:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                raise
        if not results.exists():
            return DbtRun(process.returncode, errors=errors)
        found = json.loads(results.read_bytes())["results"]
    failures = tuple(_problem(one) for one in found if one["status"] in FAILED)
    warnings = tuple(_problem(one) for one in found if one["status"] == "warn")
    names = frozenset(one["unique_id"].split(".")[2] for one in found)
    return DbtRun(process.returncode, len(found), failures, warnings, errors, names)


def _follow(
    process: subprocess.Popen[bytes], watcher: Watcher, noise: tuple[str, ...]
) -> list[str]:
    """Show what dbt logs, until it ends; returns its messages of errors."""
    done, errors = 0, []
    for line in process.stdout or ():
        try:
            event = json.loads(line)
            info, data = event["info"], event["data"]
        except (ValueError, TypeError, LookupError):
            # Whatever else is written comes from below dbt.
            text = line.decode("utf-8", "replace").rstrip()
            if text and not text.startswith(noise):
                errors.append(text)
            continue
        if {"index", "total", "status"} <= data.keys() and "hook" not in info["msg"]:
            done += 1
            if watcher.advance:
                watcher.advance(done, data["total"])
        if watcher.show and (watcher.verbose or info["name"] == "JinjaLogInfo"):
            watcher.show(info["msg"])
        if info["level"] == "error":
            errors.append(info["msg"])
    return errors


def _problem(result: Mapping[str, Any]) -> Problem:
    kind, _, name, *_ = result["unique_id"].split(".")
    rows = result.get("failures") if kind == "test" and result["status"] != "error" else None
    # `"database"."schema"."table"`: the database is the candidate's.
    relation = (result.get("relation_name") or "").replace('"', "").split(".")
    return Problem(
        name=name,
        kind=kind,
        message=(result.get("message") or "").strip(),
        rows=rows,
        table=".".join(relation[-2:]) if rows else None,
    )
