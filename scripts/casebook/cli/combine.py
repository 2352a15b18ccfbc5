"""`casebook combine`: the files of each subfolder in one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from casebook.cli.options import Quiet
from casebook.cli.printing import digits, err, out, print_rows
from casebook.settings import find_settings

if TYPE_CHECKING:
    from casebook.combine.run import CombineReport


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
    with counting(err, "combining", quiet) as progress:
        report = combine_folders(raw_dir, out_dir, skip_bad=skip_bad, progress=progress)
    for failure in report.failures:
        err.print("[red]not combined[/] ", end="")
        err.print(str(failure), markup=False)
    if not quiet:
        _print_combined(report)
    raise typer.Exit(report.exit_status)


def _print_combined(report: CombineReport) -> None:
    for name in report.left_alone:
        out.print(f"in no subfolder, or a dot file: {name}", markup=False)
    for name in report.removed:
        out.print(f"removed, as its subfolder is gone: {name}", markup=False)
    columns = ["files", "records", "rejected", "size_bytes"]
    print_rows(
        ["subfolder", *columns],
        [
            (done.subfolder, *(digits(getattr(done, column)) for column in columns))
            for done in report.combined
        ],
    )
