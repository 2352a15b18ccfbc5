"""Write report, catalogue and dbt's docs of the published warehouse as files without a server."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from casebook.report.catalogue import write_catalogue
from casebook.report.plots import draw_plots

if TYPE_CHECKING:
    import duckdb

PAGES = (REPORT, CATALOGUE, DBT_DOCS) = ("index.html", "catalogue.html", "dbt.html")
MOST_ROWS = 500


def write_site(
    connection: duckdb.DuckDBPyConnection, artifacts: Path, folder: Path, work: Path | None
) -> list[Path]:
    """Write the pages, aside first: each is whole, or that of before.

    Args:
        connection: to the published warehouse, read-only.
        artifacts: what `dbt docs generate --static` has written for it, or `dbt compile` where no
            catalogue is asked for.
        folder: where the pages go; what else lies there stays.
        work: a folder for temporary files of the catalogue; None for the report alone.

    Returns:
        The report, and the catalogue where it was asked for.

    Raises:
        CasebookError: if a plot or the catalogue cannot be made.
    """
    import jinja2

    folder.mkdir(parents=True, exist_ok=True)
    new = folder / ".new"
    shutil.rmtree(new, ignore_errors=True)  # a report that was killed left it
    try:
        new.mkdir()
        lineage = None
        if work:
            lineage = write_catalogue(artifacts, new / CATALOGUE, work)
            shutil.copyfile(artifacts / "static_index.html", new / DBT_DOCS)
        manifest = json.loads((artifacts / "manifest.json").read_bytes())
        found = connection.execute("from audit.builds order by build_number desc limit 1")
        names = [column[0] for column in found.description]
        environment = jinja2.Environment(
            loader=jinja2.PackageLoader("casebook", "report"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
        )
        page = environment.get_template("page.html.jinja").render(
            build=dict(zip(names, found.fetchone() or (), strict=False)),
            plots=list(draw_plots(connection, manifest)),
            lineage=lineage,
            most_rows=MOST_ROWS,
        )
        (new / REPORT).write_text(page, encoding="utf-8")
        for name in PAGES:
            if (new / name).exists():
                (new / name).replace(folder / name)
            else:
                # It would be of another build than the report.
                (folder / name).unlink(missing_ok=True)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return [folder / REPORT, folder / CATALOGUE] if work else [folder / REPORT]
