"""`casebook report`: the report page and the catalogue, as files."""

from __future__ import annotations

import fcntl
import shutil
from pathlib import Path
from typing import Annotated

import typer

from casebook.cli.options import Lake, Quiet, Raw, Warehouse
from casebook.cli.printing import err, out
from casebook.errors import CasebookError
from casebook.settings import find_settings

TESTS = ("resource_type:test", "resource_type:unit_test")


def report(
    folder: Annotated[
        Path | None, typer.Option("--to", help="Folder to write to; target/site by default.")
    ] = None,
    catalogue: Annotated[
        bool,
        typer.Option(
            "--catalogue/--no-catalogue",
            help="Whether to write the catalogue and dbt's docs beside the report.",
        ),
    ] = True,
    raw: Raw = None,
    lake: Lake = None,
    warehouse: Warehouse = None,
    quiet: Quiet = False,
) -> None:
    """Write the report page and the catalogue of the published warehouse, to open in a browser."""
    from casebook.ask.warehouse import open_warehouse
    from casebook.build.dbt import run_dbt

    try:
        from casebook.report.site import write_site
    except ModuleNotFoundError as error:
        raise CasebookError(
            f"the report needs a package that is not installed: {error.name}",
            fix="run `make docs`, or in the project's folder: pip install -e '.[report]'",
        ) from error

    settings = find_settings(raw, lake, warehouse, published=True)
    site = folder or settings.project / "target" / "site"
    work = settings.project / "target" / "site_work"
    work.mkdir(parents=True, exist_ok=True)
    with open_warehouse(settings.warehouse) as connection, (work / ".lock").open("w") as lock:
        # Another report of the project waits: it works in the same folder.
        fcntl.flock(lock, fcntl.LOCK_EX)
        # One thread takes the least processor time; no page shows the SQL of tests.
        what = ["compile", "--select", "path:analyses/report"]
        if catalogue:
            what = ["docs", "generate", "--static", "--exclude", *TESTS]
        if not quiet:
            err.print("reading the project and drawing; half a minute with the catalogue")
        what += ["--threads", "1"]
        # dbt reads a copy, so that neither readers nor a build are in its way.
        copy = work / settings.warehouse.name
        environment = {"CASEBOOK_WAREHOUSE": str(copy)}
        try:
            shutil.copyfile(settings.warehouse, copy)
            run = run_dbt(settings, what, target=work / "dbt", environment=environment)
        finally:
            copy.unlink(missing_ok=True)
        if run.status:
            raise CasebookError(
                "dbt cannot describe the project: " + "\n".join(run.errors),
                fix="`dbt parse` shows where the project is broken",
            )
        lineage = work / "catalogue" if catalogue else None
        written = write_site(connection, work / "dbt", site, lineage)
    if not quiet:
        for name, page in zip(("report", "catalogue"), written, strict=False):
            out.print(f"{name}: {page}", markup=False)
