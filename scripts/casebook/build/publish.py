"""Build into a candidate file and publish it, so that readers never see half a warehouse."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from casebook.build.dbt import (
    DbtRun,
    Problem,
    Watcher,
    run_dbt,
    target_folder,
    with_tests_that_can_run,
)
from casebook.build.unchanged import last_build, made_of, write_down
from casebook.errors import CasebookError
from casebook.settings import Settings
from casebook.sql import quote_name, quote_text

# Blocks that nothing uses are left in a published file up to this share of it.
FREE_SHARE = 0.15
MEMORY_LIMIT = "1GB"
NO_ROOM = re.compile(r"No space left on device|File too large|Could not write file")
# Holds a file as a reader does until its input ends, which it does when this program ends.
GUARD = """
import sys, duckdb
try:
    connection = duckdb.connect(sys.argv[1], read_only=True)
except duckdb.Error as error:
    print(str(error).splitlines()[0], flush=True)
else:
    print("held", flush=True)
    sys.stdin.read()
"""


@dataclass(frozen=True)
class BuildResult:
    """How a build ended.

    Attributes:
        published: whether `warehouse` is what was asked for.
        warehouse: the file that readers open.
        candidate: the file that was built into; gone once it is published.
        failures: what kept it from being published, empty if it was.
        warnings: tests of severity warn that found something.
        unchanged: whether it was that already, so that nothing was built.
        changed: the tables that alone had other deliveries than when it was built before, so that
            only what depends on them was built; empty where all was.
    """

    published: bool
    warehouse: Path
    candidate: Path
    failures: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    unchanged: bool = False
    changed: tuple[str, ...] = ()


def build(
    settings: Settings,
    dbt_command: str = "build",
    dbt_options: Sequence[str] = (),
    *,
    force: bool = False,
    narrow: bool = False,
    compact: bool = False,
    watcher: Watcher | None = None,
) -> BuildResult:
    """Run dbt into a candidate, and replace the warehouse by it if every error-level test passed.

    The candidate begins as a copy of the published warehouse, so that incremental models go on
    from there. Nothing but the final rename touches the published file.

    Args:
        settings: where everything is.
        dbt_command: `build`, or `run` to build without tests.
        dbt_options: further options for dbt, such as `--select`, `+votes`.
        force: build even where lake, project and options are those of the published build.
        narrow: build only what depends on tables with other deliveries than those of the published
            build, where nothing else is different.
        compact: publish a file that is written anew, without a byte of what it held before.
        watcher: whom dbt's run is shown to.

    Raises:
        CasebookError: if another build of the same warehouse is running, `dbt build` or another
            program writes it, the disk is full, the warehouse is damaged, dbt could not run, or the
            selection is empty.
    """
    warehouse = settings.warehouse
    candidate = warehouse.with_name(f"{warehouse.stem}_candidate.db")
    try:
        warehouse.parent.mkdir(parents=True, exist_ok=True)
        with only_build(warehouse.with_name(f"{warehouse.stem}.db.lock"), warehouse):
            now = made_of(settings, dbt_command, dbt_options)
            before, known = (not force and last_build(warehouse)) or (None, ())
            if before == now:
                return BuildResult(True, warehouse, candidate, (), known, unchanged=True)
            same = narrow and before is not None and before.project == now.project
            changed = now.changed_since(before) if before and same else []
            with held(warehouse), _removed_unless_kept(candidate):
                # The log is one that a broken `dbt build` may have left.
                for part, copy in (
                    (warehouse, candidate),
                    (_log_of(warehouse), _log_of(candidate)),
                ):
                    if part.exists():
                        shutil.copyfile(part, copy)
                options = [*dbt_options, *_what_depends_on(changed)]
                run = _run(settings, candidate, [dbt_command, *options], watcher)
                # A test that did not run would say what it said.
                others = [one for one in known if changed and one.name not in run.names]
                warnings = tuple(sorted((*run.warnings, *others), key=lambda one: one.name))
                if published := run.status == 0:
                    write_down(candidate, now, warnings)
                    _publish(candidate, warehouse, compact)
                return BuildResult(
                    published, warehouse, candidate, run.failures, warnings, changed=tuple(changed)
                )
    except (OSError, duckdb.Error) as error:
        raise CasebookError(
            f"the warehouse cannot be written: {str(error).splitlines()[0]}",
            file=warehouse,
            fix="free some space or mend the permissions, then run `casebook build` again; readers"
            " keep what was published before",
        ) from error


def _what_depends_on(tables: Sequence[str]) -> list[str]:
    """Options that select it, and all tests of it: what they compare it with is there, too."""
    if not tables:
        return []
    sources = [f"source:{table}+" for table in (*tables, "lake")]
    return ["--indirect-selection", "eager", "--select", *sources]


def _run(
    settings: Settings, candidate: Path, arguments: Sequence[str], watcher: Watcher | None
) -> DbtRun:
    run = run_dbt(
        settings,
        with_tests_that_can_run(arguments),
        target=target_folder(settings),
        environment={"CASEBOOK_WAREHOUSE": str(candidate)},
        watcher=watcher,
    )
    for message in (*(one.message for one in run.failures), *run.errors):
        if NO_ROOM.search(message):
            raise OSError(message)
        if f'bytes from file "{candidate}"' in message or "Corrupt database file" in message:
            raise _unreadable(settings.warehouse, "it is cut off, or a block of it is damaged")
    run.check("`dbt build --help` lists its options; logs/dbt.log has more")
    return run


@contextlib.contextmanager
def only_build(lock_file: Path, warehouse: object) -> Iterator[None]:
    """Hold the lock of a warehouse while it is built; a CasebookError if another build has it."""
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


@contextlib.contextmanager
def held(warehouse: Path) -> Iterator[None]:
    """Keep `dbt build`, and whoever else would write it, out of the published file.

    It is held as a reader holds it, which keeps out writers and no reader, and by a process that
    opens it for nothing else: where any handle of it is closed, its process loses its locks.
    """
    if made := not warehouse.exists():
        duckdb.connect(str(warehouse)).close()
    with subprocess.Popen(
        [sys.executable, "-c", GUARD, str(warehouse)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as guard:
        inode = warehouse.stat().st_ino
        try:
            if guard.stdout is None or (answer := guard.stdout.readline().strip()) != "held":
                raise _unreadable(warehouse, answer)
            yield
        finally:
            if made and warehouse.stat().st_ino == inode:
                _remove(warehouse)
            guard.kill()


def _unreadable(warehouse: Path, reason: str) -> CasebookError:
    if "Could not set lock" in reason:
        return CasebookError(
            "another program is writing this warehouse, such as `dbt build`",
            file=warehouse,
            fix="wait until it has ended; `lsof` on the file names it",
        )
    return CasebookError(
        f"the warehouse cannot be opened: {reason}",
        file=warehouse,
        fix=f"move it, and {warehouse.name}.wal where that is there, to another folder and run"
        " `casebook build`, which makes it anew from the lake",
    )


@contextlib.contextmanager
def _removed_unless_kept(candidate: Path) -> Iterator[None]:
    """Whatever ends a build by an exception leaves no candidate."""
    _remove(candidate)
    try:
        yield
    except BaseException:
        _remove(candidate)
        raise


def _log_of(database: Path) -> Path:
    return database.with_name(f"{database.name}.wal")


def _remove(path: Path) -> None:
    """Remove a database file with what DuckDB keeps beside it."""
    for part in (path, _log_of(path)):
        part.unlink(missing_ok=True)
    shutil.rmtree(path.with_name(f"{path.name}.tmp"), ignore_errors=True)


def _publish(candidate: Path, warehouse: Path, compact: bool) -> None:
    anew = candidate.with_name(f"{candidate.stem}_anew.db")
    _remove(anew)
    try:
        with duckdb.connect(str(candidate), config={"memory_limit": MEMORY_LIMIT}) as connection:
            connection.execute("checkpoint")
            total, free = connection.execute(
                "select total_blocks, free_blocks from pragma_database_size()"
            ).fetchall()[0]
            if written_anew := compact or free > FREE_SHARE * total:
                connection.execute(f"attach {quote_text(anew)} as anew")
                connection.execute(f"copy from database {quote_name(candidate.stem)} to anew")
                connection.execute("detach anew")
        finished = anew if written_anew else candidate
        if _log_of(finished).exists():
            raise CasebookError("its log was not taken in", file=finished, fix="build again")
        with finished.open("rb") as file:
            os.fsync(file.fileno())
        # A log is never to be read beside another file than the one that it was written for.
        _log_of(warehouse).unlink(missing_ok=True)
        finished.replace(warehouse)
        _remove(candidate)
    finally:
        _remove(anew)
    folder = os.open(warehouse.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
