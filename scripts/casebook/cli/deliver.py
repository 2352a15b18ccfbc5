"""`casebook deliver`."""

from __future__ import annotations

from typing import Annotated

import typer

from casebook.cli.options import Quiet, Warehouse
from casebook.cli.printing import digits, out, print_error, print_rows
from casebook.cli.progress import seldom
from casebook.settings import find_settings


def deliver(
    select: Annotated[
        list[str] | None,
        typer.Option("--select", "-s", help="A mart or a schema, as store.film; all by default."),
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare afterwards, row by row, both ways.")
    ] = False,
    with_raw_text: Annotated[
        bool, typer.Option("--with-raw-text", help="Deliver the text of rejected records, too.")
    ] = False,
    warehouse: Warehouse = None,
    quiet: Quiet = False,
) -> None:
    """Bring marts into the PostgreSQL database that CASEBOOK_DELIVER_URL names: all, or none."""
    from casebook.deliver.run import deliver as deliver_marts

    report = deliver_marts(
        find_settings(warehouse=warehouse),
        select or [],
        verify=verify,
        with_raw_text=with_raw_text,
        progress=seldom(lambda table: f"delivering {table}", quiet),
    )
    if not quiet:
        rows = [(name, digits(rows), digits(changed)) for name, rows, changed in report.delivered]
        if rows:
            print_rows(["table", "rows", "changed"], rows)
        elif not verify:
            out.print(f"nothing to do: the database has build {report.build}", markup=False)
    for name, count in report.replaced.items():
        print_error("look at", f"{name}: {count:,} texts had a U+0000, now a U+FFFD", "yellow")
    differing = {name: only for name, only in report.differences.items() if any(only)}
    for name, (here, there) in differing.items():
        print_error("differs", f"{name}: {here:,} rows only here, {there:,} rows only there")
    if verify and not quiet:
        equal = len(report.differences) - len(differing)
        out.print(f"{equal} of {len(report.differences)} tables are equal, row by row")
    raise typer.Exit(1 if differing else 0)
