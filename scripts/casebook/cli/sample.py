"""`casebook sample`: raw files to try everything with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from casebook.cli.options import Quiet
from casebook.cli.printing import err, out, print_rows


def sample(
    out_dir: Annotated[Path, typer.Argument(help="Folder to write to, laid out like raw/.")],
    scale: Annotated[
        float,
        typer.Option(help="How many times the base number of records: 5,000 votes and so on."),
    ] = 1.0,
    quiet: Quiet = False,
) -> None:
    """Write deterministic, realistic, deliberately dirty raw files for every source."""
    from casebook.cli.progress import counting
    from casebook.sample import write_sample

    with counting(err, "writing", quiet) as advance:
        report = write_sample(out_dir, scale, progress=advance)
    if quiet:
        return
    out.print(f"{report.folder}: {report.size_bytes:,} bytes")
    columns = ["files", "records", "quarantined", "items", "rejected", "left_out"]
    columns += ["duplicate", "superseded", "redelivered", "kept"]
    print_rows(
        ["table", *columns],
        [
            (f"{table.source}.{table.table}", *(getattr(table, name) for name in columns))
            for table in report.tables
        ],
    )
