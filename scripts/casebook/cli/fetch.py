"""`casebook fetch`."""

from __future__ import annotations

from typing import Annotated

import typer

from casebook.cli.options import Lake, Quiet, Raw
from casebook.cli.printing import out, print_error
from casebook.cli.progress import seldom
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

    show = seldom(lambda table, done, unit: f"fetching {table}: {done:,} {unit}", quiet)
    report = fetch_sources(
        find_settings(raw, lake), sources or [], allow_empty=allow_empty, progress=show
    )
    if not quiet:
        for kind in ("fetched", "unchanged", "skipped"):
            for table, message in getattr(report, kind):
                out.print(f"{kind} {table}: {message}", markup=False)
        if not report.fetched and not report.failures:
            out.print("nothing new was fetched")
    for source, error in report.failures:
        print_error("not fetched", f"{source}: {error}")
    raise typer.Exit(1 if report.failures else 0)
