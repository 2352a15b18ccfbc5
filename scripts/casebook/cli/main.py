"""The `casebook` command: the app, and how it ends."""

from __future__ import annotations

import os
import signal
import sys
from typing import Annotated, NoReturn

import typer

from casebook import __version__
from casebook.cli import (
    ask,
    build,
    combine,
    deliver,
    draft,
    fetch,
    load,
    report,
    sample,
    serve,
    sql,
)
from casebook.cli.printing import err, out, print_error
from casebook.errors import CasebookError

SECONDS_TO_END = 10

app = typer.Typer(
    name="casebook",
    help="Folders of messy raw files into a tested, documented analytics warehouse.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    add_completion=False,
)
for command in (
    *(fetch.fetch, load.load, build.build, deliver.deliver, ask.outliers, load.rejects),
    *(load.replay, ask.trace, ask.ctr, ask.recommend, sql.sql, report.report, serve.serve),
    *(draft.declare, combine.combine, sample.sample),
):
    own = build.DBT_OPTIONS if command is build.build else None
    app.command(context_settings=own)(command)


def _print_version(wanted: bool) -> None:
    if wanted:
        out.print(f"casebook {__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Folders of messy raw files into a tested, documented analytics warehouse."""


def main() -> None:
    """Run the command line.

    It exits with 0 if all went well, 1 if not, 2 for wrong usage, 3 if a build was published
    although files were refused, 130 if it was interrupted, 143 if it was told to end.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _stop)
    try:
        app()
    except BaseException as error:
        # It has ended: Python itself would die of a signal on its last steps.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        if _stopped:
            # Whatever came of it on the way here: C code makes an error of its own of an exit.
            signal.signal(signal.SIGALRM, lambda *_: os._exit(_stopped[0]))
            err.print("interrupted")
            sys.exit(_stopped[0])
        if isinstance(error, OSError):
            fix = "free some space or mend the permissions, then run it again"
            error = CasebookError(error.strerror or str(error), file=error.filename, fix=fix)
        if not isinstance(error, CasebookError):
            raise
        print_error("error", str(error), "bold red")
        sys.exit(1)


_stopped: list[int] = []


def _stop(number: int, _frame: object) -> NoReturn:
    """End as by any exception: what has been started ends, what is half written is removed.

    Again after a while, as C code that runs just then may lose the exception; and at once where
    that does not help: what has been started ends then, too.
    """
    _stopped[:] = [128 + number]
    # Python prints an exit that it loses in a callback of its own.
    sys.unraisablehook = lambda _: None
    ways = iter((sys.exit, sys.exit))
    signal.signal(signal.SIGALRM, lambda *_: next(ways, os._exit)(128 + number))
    signal.setitimer(signal.ITIMER_REAL, SECONDS_TO_END, SECONDS_TO_END)
    sys.exit(128 + number)


if __name__ == "__main__":
    main()
