"""`casebook load`, `rejects` and `replay`: raw files, and what of them was refused."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from casebook.cli.options import AllowShrink, Lake, Quiet, Raw, Tables, Verify, Warehouse
from casebook.cli.printing import (
    digits,
    err,
    out,
    print_counts,
    print_error,
    print_places,
    print_rows,
)
from casebook.errors import CasebookError
from casebook.files import escaped
from casebook.settings import Settings, find_settings, lake_of

if TYPE_CHECKING:
    from casebook.lake.layout import Lake as LakeFolder
    from casebook.load.report import LoadReport


def load(
    tables: Tables = None,
    raw: Raw = None,
    lake: Lake = None,
    warehouse: Warehouse = None,
    verify: Verify = False,
    allow_shrink: AllowShrink = False,
    quiet: Quiet = False,
) -> None:
    """Bring raw files into the lake, and account for every record in them."""
    settings = find_settings(raw, lake, warehouse)
    print_places(settings, quiet)
    raise typer.Exit(load_tables(settings, tables or [], verify, allow_shrink, quiet))


def rejects(
    table: Annotated[
        str | None, typer.Argument(help="SOURCE or SOURCE.TABLE, as blog.votes; all by default.")
    ] = None,
    file: Annotated[
        str | None, typer.Option("--file", help="One raw file, as blog/votes/a.jsonl.")
    ] = None,
    text: Annotated[
        bool, typer.Option("--raw", "--text", help="Show every record with its raw text.")
    ] = False,
    lake: Lake = None,
    warehouse: Warehouse = None,
) -> None:
    """Show what was quarantined or rejected, by file and reason."""
    from casebook.ask.warehouse import older_audit, open_warehouse, rejected_records
    from casebook.ask.warehouse import rejects as count_rejects
    from casebook.load.original import open_quarantine

    settings = find_settings(lake=lake, warehouse=warehouse)
    folder, _ = _lake_and_tables(settings, [table] if table else [])
    is_built = lake_of(settings.warehouse) == str(settings.lake)
    if not is_built:
        err.print(
            "nothing is built from this lake yet: these are in quarantine; a build finds what else"
            " is wrong"
        )
    with open_warehouse(settings.warehouse) if is_built else open_quarantine(folder) as connection:
        if is_built and (number := older_audit(connection)):
            err.print(f"these are as of build {number}; some marts were built again after it")
        if text:
            _print_records(rejected_records(connection, table, file))
        else:
            _print_rejects(count_rejects(connection, table, file))


def replay(
    tables: Tables = None,
    export: Annotated[
        Path | None,
        typer.Option("--export", help="Write what is in quarantine to a new file, to be edited."),
    ] = None,
    corrections: Annotated[
        Path | None,
        typer.Option(
            "--corrections", help="Such a file: texts that were changed are read instead."
        ),
    ] = None,
    lake: Lake = None,
    quiet: Quiet = False,
) -> None:
    """Try quarantined records again, as they stand or corrected by hand; needs no raw files."""
    from casebook.cli.progress import counting
    from casebook.load.original import export_quarantine
    from casebook.load.replay import replay as replay_quarantine

    if export and corrections:
        raise typer.BadParameter("give --export or --corrections, not both")
    settings = find_settings(lake=lake)
    folder, names = _lake_and_tables(settings, tables or [], quiet)
    if export:
        records = export_quarantine(folder, names, export)
        if not quiet:
            out.print(f"{export}: {digits(records)} records", markup=False)
        return
    with counting("replaying", quiet) as advance:
        report = replay_quarantine(
            settings, tables or [], corrections=corrections, progress=advance
        )
    for failure in report.failures:
        print_error("not done", failure)
    if not quiet and not report.tables:
        out.print("nothing is in quarantine")
    elif not quiet:
        print_counts("table", ["files", "tried", "landed", "left"], report.tables.items())
        if report.landed:
            out.print("the next `casebook build` takes in what was landed")
    raise typer.Exit(report.exit_status)


def _lake_and_tables(
    settings: Settings, chosen: list[str], quiet: bool = False
) -> tuple[LakeFolder, list[str]]:
    """The lake, which must be there, and the names of the chosen tables."""
    from casebook.lake.layout import Lake as LakeFolder
    from casebook.sources import choose_tables, read_sources

    if not settings.lake.is_dir():
        raise CasebookError(
            "there is no such lake",
            file=settings.lake,
            fix="name it with --lake or CASEBOOK_LAKE, or run `casebook build`, which makes it",
        )
    print_places(settings, quiet)
    found = choose_tables(read_sources(settings.project), chosen)
    return LakeFolder(settings.lake), [table.full_name for table in found]


def load_tables(
    settings: Settings,
    tables: list[str],
    verify: bool,
    allow_shrink: bool,
    quiet: bool,
    *,
    purge: bool = False,
) -> int:
    """Load with progress and a report; returns the exit status."""
    from casebook.cli.progress import counting
    from casebook.load.purge import purge as purge_lake
    from casebook.load.report import Progress
    from casebook.load.run import load as load_files

    started = time.monotonic()

    def text_of(state: Progress) -> str:
        done, of = state.bytes_done / 1e6, state.size_bytes / 1e6
        rate = done / max(time.monotonic() - started, 1e-3)
        files = f"{state.files_done}/{state.files} files, {state.records:,} records"
        return f"{files}, {done:,.0f} of {of:,.0f} MB, {rate:,.0f} MB/s"

    with counting("loading", quiet) as show:
        progress = Progress(lambda now: show(now.bytes_done, now.size_bytes, text_of(now)))
        if purge:
            report = purge_lake(settings, progress=progress)
        else:
            report = load_files(
                settings, tables, verify=verify, allow_shrink=allow_shrink, progress=progress
            )
    for result in report.refused:
        print_error("refused", f"{result.entry.source_file}: {result.entry.refusal}")
    if not quiet:
        _print_load(report)
    return report.exit_status


def _print_load(report: LoadReport) -> None:
    lines = []
    for result in report.files:
        file, entry = result.entry.source_file, result.entry
        lines += [f"landed again: {file}: {result.repaired}"] if result.repaired else []
        if result.is_landed:
            lines += [f"note: {file}: {note}" for note in entry.notes]
        if result.is_landed and entry.columns_ignored:
            lines.append(f"ignored in {file}: {', '.join(entry.columns_ignored)}")
    lines += [f"not declared by any source: {name}" for name in report.undeclared]
    lines += [f"gone, but kept in the lake: {entry.source_file}" for entry in report.gone]
    for line in lines:
        out.print(line, markup=False)
    if not report.counts:
        out.print("nothing to load: no declared table has files")
        return
    rows = []
    for name, count in report.counts.items():
        files = ", ".join(f"{number} {state}" for state, number in sorted(count.files.items()))
        numbers = (count.landed, count.quarantined, count.total_landed, count.total_quarantined)
        rows.append((name, files, *map(digits, numbers)))
    print_rows(["table", "files", "landed now", "quarantined now", "landed", "quarantined"], rows)


def _print_records(records: Iterable[tuple[str, int, int | None, str, str, str]]) -> None:
    for file, record, line, stage, reasons, raw_text in records:
        place = f"record {record}" + (f", line {line}" if line else "")
        heading = f"{file}: {place}: {stage}: {reasons}"
        out.print(heading, markup=False, style="bold")
        out.print(f"    {raw_text}", markup=False)


def _print_rejects(rows: Sequence[tuple[str, str, str, int, float | None, str]]) -> None:
    if not rows:
        out.print("nothing was rejected")
        return
    print_rows(
        ["file", "stage", "reason", "records", "share", "example"],
        [
            (escaped(file), stage, escaped(reason), digits(count), _percent(share), escaped(text))
            for file, stage, reason, count, share, text in rows
        ],
    )


def _percent(share: float | None) -> str:
    """A share as a percentage, never rounded down to nothing."""
    if share is None:
        return ""
    return "<0.1%" if 0 < share < 0.001 else f"{share:.1%}"
