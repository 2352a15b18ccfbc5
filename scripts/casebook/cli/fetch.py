"""`casebook fetch`."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from casebook.cli.options import Lake, Quiet, Raw
from casebook.cli.printing import err, out
from casebook.cli.progress import SECONDS_BETWEEN_LINES
from casebook.settings import find_settings


def fetch(
    sources: Annotated[
        list[str] | None, typer.Argument(help="Names of sources, as movies; all by default.")
    ] = None,
    allow_empty: Annotated[
        bool, typer.Option("--allow-empty", help="Take tables that have no rows any more, too.")
    ] = False,
    raw: Raw = None,
    lake: Lake = None,
    quiet: Quiet = False,
) -> None:
    """Bring deliveries into the raw folder, from where the source YAML declares them to be."""
    from casebook.fetch.run import fetch as fetch_sources

    last = time.monotonic()

    def progress(table: str, done: int, unit: str) -> None:
        nonlocal last
        if not quiet and time.monotonic() - last >= SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            err.print(f"fetching {table}: {done:,} {unit}", markup=False)

    report = fetch_sources(
        find_settings(raw, lake), sources or [], allow_empty=allow_empty, progress=progress
    )
    if not quiet:
        for kind in ("fetched", "unchanged", "skipped"):
            for table, message in getattr(report, kind):
                out.print(f"{kind} {table}: {message}", markup=False)
        if not report.fetched and not report.failures:
            out.print("nothing new was fetched")
    for source, error in report.failures:
        err.print("[red]not fetched[/] ", end="")
        err.print(f"{source}: {error}", markup=False)
    raise typer.Exit(1 if report.failures else 0)
