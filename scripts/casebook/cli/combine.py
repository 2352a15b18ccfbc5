"""`casebook combine`: the files of each subfolder in one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from casebook.cli.options import Quiet
from casebook.cli.printing import out, print_counts, print_error
from casebook.settings import find_settings


def combine(
    raw_dir: Annotated[Path, typer.Argument(help="Folder of subfolders with CSV and JSON files.")],
    out_dir: Annotated[Path, typer.Argument(help="Folder to write to; not within RAW_DIR.")],
    skip_bad: Annotated[
        bool,
        typer.Option(
            "--skip-bad", help="Put records that cannot be read into SUBFOLDER.rejected.jsonl."
        ),
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Write the records of each subfolder's files to one SUBFOLDER.json.gz, as JSON lines.

    It does no more than that: it needs no declared source, and touches neither lake nor warehouse.
    """
    from casebook.cli.progress import counting
    from casebook.combine.run import combine as combine_folders

    if not raw_dir.exists():
        raw_dir = find_settings(published=True).delivery(raw_dir)
    with counting("combining", quiet) as progress:
        report = combine_folders(raw_dir, out_dir, skip_bad=skip_bad, progress=progress)
    for failure in report.failures:
        print_error("not combined", str(failure))
    if not quiet:
        for name in report.left_alone:
            out.print(f"in no subfolder, or a dot file: {name}", markup=False)
        for name in report.removed:
            out.print(f"removed, as its subfolder is gone: {name}", markup=False)
        combined = ((done.subfolder, done) for done in report.combined)
        print_counts("subfolder", ["files", "records", "rejected", "size_bytes"], combined)
    raise typer.Exit(report.exit_status)
