"""`casebook sample`: raw files to try everything with."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Annotated

import typer

from casebook.cli.options import Quiet
from casebook.cli.printing import out, print_rows
from casebook.errors import CasebookError

WRITER = Path(__file__).parents[2] / "sample" / "write.py"


def sample(
    out_dir: Annotated[Path, typer.Argument(help="Folder to write to, laid out like raw/.")],
    scale: Annotated[
        float,
        typer.Option(help="How many times the base number of records: 5,000 votes and so on."),
    ] = 1.0,
    application_sql: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Also write the SQL that fills the film store's application database;"
            " not below a raw folder.",
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Write deterministic, realistic, deliberately dirty raw files for every source."""
    from casebook.cli.progress import counting

    writer = _load_writer()
    with counting("writing", quiet) as advance:
        report = writer.write_sample(out_dir, scale, progress=advance)
    if application_sql:
        writer.write_application_sql(application_sql, scale)
    if quiet:
        return
    out.print(f"{report.folder}: {report.size_bytes:,} bytes")
    columns = ["files", "records", "quarantined", "items", "rejected", "left_out"]
    columns += ["duplicate", "superseded", "redelivered", "kept"]
    print_rows(
        ["table", *columns],
        [
            (name, *(table.counts[column] for column in columns))
            for name, table in report.tables.items()
        ],
    )


def _load_writer() -> ModuleType:
    """The generator, which is a tool of the project and no part of the package."""
    found = importlib.util.spec_from_file_location("casebook_sample_writer", WRITER)
    if not WRITER.is_file() or found is None or found.loader is None:
        raise CasebookError(
            "the generator of the sample is not beside this package",
            file=WRITER,
            fix="install Casebook from a checkout, as `make` does, and run it again",
        )
    module = importlib.util.module_from_spec(found)
    sys.modules[found.name] = module  # dataclasses look their module up
    found.loader.exec_module(module)
    return module
