"""`casebook` and `dbt` in processes that are forked from one that has imported what they import.

A third of what a small build takes is importing dbt. A forked process has its own arguments,
folder, environment, streams and exit status, as one that is started has; what is imported is all
it is spared. Tests of faults, and of what starting takes, start programs instead.
"""

from __future__ import annotations

import atexit
import importlib.metadata
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["duckdb", "dbt.cli.main", "dbt.adapters.duckdb.impl", "typer"])


def run(
    command: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run a program of this environment's, and wait for it; its input is empty."""
    with tempfile.TemporaryDirectory() as streams:
        places = (os.devnull, f"{streams}/1", f"{streams}/2")
        process = CONTEXT.Process(
            target=_main, args=(list(command), str(folder), dict(environment), places)
        )
        process.start()
        process.join()
        out, err = (Path(place).read_text(encoding="utf-8") for place in places[1:])
    return subprocess.CompletedProcess(command, process.exitcode or 0, out, err)


def _main(
    command: list[str], folder: str, environment: dict[str, str], streams: Sequence[str]
) -> None:
    for number, place in enumerate(streams):
        os.dup2(os.open(place, os.O_RDWR | os.O_CREAT), number)
    _become(folder, environment, command)
    from casebook.build import dbt

    dbt.subprocess = Subprocess  # type: ignore[assignment]
    (program,) = importlib.metadata.entry_points(group="console_scripts", name=command[0])
    _end(lambda: sys.exit(program.load()()))


def _become(folder: str, environment: Mapping[str, str], arguments: Sequence[str]) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    sys.argv = list(arguments)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


class Subprocess:
    """What `casebook.build.dbt` has of the module `subprocess`: its dbt is forked, too."""

    CalledProcessError, DEVNULL = subprocess.CalledProcessError, subprocess.DEVNULL
    PIPE, STDOUT, check_output = subprocess.PIPE, subprocess.STDOUT, subprocess.check_output

    class Popen:
        """A forked `python -c <code> <arguments>` whose output is read as it comes."""

        def __init__(self, command: Sequence[str], *, cwd: Path, env: dict[str, str], **_: Any):
            read, write = os.pipe()
            sys.stdout.flush()
            sys.stderr.flush()
            self.returncode = 0
            self.pid = os.fork()
            if self.pid == 0:
                os.setsid()
                os.close(read)
                os.dup2(write, 1)
                os.dup2(write, 2)
                _become(str(cwd), env, ["-c", *command[3:]])
                _end(lambda: exec(command[2], {"__name__": "__main__"}))
            os.close(write)
            self.stdout = os.fdopen(read, "rb")

        def __enter__(self) -> Subprocess.Popen:
            return self

        def __exit__(
            self, kind: type | None, error: BaseException | None, trace: TracebackType | None
        ) -> None:
            self.stdout.close()
            self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def _end(program: Callable[[], object]) -> NoReturn:
    """Run a program, what is to be done at its exit too, and end with its status."""
    try:
        program()
    finally:
        error = sys.exc_info()[1]
        status = 0 if error is None else 1
        if isinstance(error, SystemExit):
            status = error.code if isinstance(error.code, int) else int(error.code is not None)
        elif error is not None:
            traceback.print_exception(error)
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
