"""The `casebook` command: the app, and how it ends."""

from __future__ import annotations

import signal
import sys
from typing import Annotated

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
from casebook.cli.printing import err, out
from casebook.errors import CasebookError

INTERRUPTED = 130
TERMINATED = 143

app = typer.Typer(
    name="casebook",
    help="Folders of messy raw files into a tested, documented analytics warehouse.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command()(fetch.fetch)
app.command()(load.load)
app.command(context_settings=build.DBT_OPTIONS)(build.build)
app.command()(deliver.deliver)
app.command()(ask.outliers)
app.command()(load.rejects)
app.command()(load.replay)
app.command()(ask.trace)
app.command()(ask.ctr)
app.command()(ask.recommend)
app.command()(sql.sql)
app.command()(report.report)
app.command()(serve.serve)
app.command()(draft.declare)
app.command()(combine.combine)
app.command()(sample.sample)


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
    # What has been started, and what is half written, goes the way of any other exception.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    try:
        app()
    except CasebookError as error:
        err.print("[bold red]error[/] ", end="")
        err.print(str(error), markup=False)
        sys.exit(1)
    except SystemExit as end:
        if end.code in (INTERRUPTED, TERMINATED):
            err.print("interrupted")
        raise


if __name__ == "__main__":
    main()
