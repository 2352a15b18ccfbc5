"""The `casebook` command: parses, calls, prints."""

from __future__ import annotations

import csv
import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid

from casebook import __version__
from casebook.errors import CasebookError
from casebook.settings import Settings, find_settings

if TYPE_CHECKING:
    from casebook.build import BuildResult
    from casebook.load import LoadReport

SHOWN = 5

app = typer.Typer(
    name="casebook",
    help="Folders of messy raw files into a tested, documented analytics warehouse.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

Raw = Annotated[
    Path | None,
    typer.Option("--raw", help="Folder of raw files; CASEBOOK_RAW, or raw/."),
]
Lake = Annotated[
    Path | None,
    typer.Option("--lake", help="Folder of the lake; CASEBOOK_LAKE, or lake/."),
]
Warehouse = Annotated[
    Path | None,
    typer.Option("--warehouse", help="The warehouse file; CASEBOOK_WAREHOUSE, or warehouse.db."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]
Verify = Annotated[
    bool, typer.Option("--verify", help="Hash every file, even where size and time are the same.")
]
AllowShrink = Annotated[
    bool, typer.Option("--allow-shrink", help="Land files that have become shorter, too.")
]


@app.command()
def load(
    tables: Annotated[
        list[str] | None,
        typer.Argument(help="SOURCE or SOURCE.TABLE, as blog.votes; all by default."),
    ] = None,
    raw: Raw = None,
    lake: Lake = None,
    warehouse: Warehouse = None,
    verify: Verify = False,
    allow_shrink: AllowShrink = False,
    quiet: Quiet = False,
) -> None:
    """Bring raw files into the lake, and account for every record in them."""
    settings = find_settings(raw, lake, warehouse)
    raise typer.Exit(_load(settings, tables or [], verify, allow_shrink, quiet))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def build(
    context: typer.Context,
    raw: Raw = None,
    lake: Lake = None,
    warehouse: Warehouse = None,
    verify: Verify = False,
    allow_shrink: AllowShrink = False,
    unit_tests: Annotated[
        bool, typer.Option("--unit-tests", help="Run dbt's unit tests too: they test the code.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Load, build into a candidate, and publish it if every error-level test passed.

    All other options go to `dbt build`, such as `--select +votes` or `--full-refresh`.
    """
    from casebook.build import build as build_warehouse

    settings = find_settings(raw, lake, warehouse)
    loaded = _load(settings, [], verify, allow_shrink, quiet)
    options = list(context.args)
    if not unit_tests:
        options += ["--exclude-resource-type", "unit_test"]
    result = build_warehouse(settings, "build", options, quiet=quiet)
    for problem in result.warnings:
        err.print(f"[yellow]look at[/] {problem.name}: {_one_line(problem.message)}")
    if not result.published:
        _print_failures(result)
        raise typer.Exit(1)
    if not quiet:
        _print_summary(settings)
    if loaded:
        err.print("[red]some raw files were refused[/]: see above, or audit.loaded_files")
    raise typer.Exit(loaded)


@app.command()
def outliers(raw: Raw = None, lake: Lake = None, warehouse: Warehouse = None) -> None:
    """Recreate blog_analysis.outlier_weeks and print it; does not ingest."""
    from casebook.build import build as build_warehouse
    from casebook.warehouse import has_table, open_warehouse, outlier_weeks

    settings = find_settings(raw, lake, warehouse)
    fix = "run `casebook build --select +votes` first: it ingests the votes"
    if not settings.warehouse.exists():
        raise CasebookError("there is no warehouse yet", file=settings.warehouse, fix=fix)
    with open_warehouse(settings.warehouse) as connection:
        if not has_table(connection, "blog_analysis", "votes"):
            raise CasebookError(
                "there is no table blog_analysis.votes", file=settings.warehouse, fix=fix
            )
    result = build_warehouse(
        settings, "run", ["--select", "weekly_votes", "outlier_weeks"], quiet=True
    )
    if not result.published:
        _print_failures(result)
        raise typer.Exit(1)
    with open_warehouse(settings.warehouse) as connection:
        _print_rows(["Year", "WeekNumber", "VoteCount"], outlier_weeks(connection))


@app.command()
def rejects(
    table: Annotated[
        str | None, typer.Argument(help="SOURCE or SOURCE.TABLE, as blog.votes; all by default.")
    ] = None,
    text: Annotated[
        bool, typer.Option("--text", "--raw-text", help="Show every record with its raw text.")
    ] = False,
    warehouse: Warehouse = None,
) -> None:
    """Show what was quarantined or rejected, by file and reason."""
    from casebook.discover import choose_tables
    from casebook.sources import read_sources
    from casebook.warehouse import open_warehouse, rejected_records
    from casebook.warehouse import rejects as count_rejects

    settings = find_settings(warehouse=warehouse)
    if table:
        choose_tables(read_sources(settings.project), [table])
    with open_warehouse(settings.warehouse) as connection:
        if text:
            for file, record, line, stage, reasons, raw_text in rejected_records(connection, table):
                place = f"record {record}" + (f", line {line}" if line else "")
                out.print(f"{file}: {place}: {stage}: {reasons}", markup=False, style="bold")
                out.print(f"    {raw_text}", markup=False)
            return
        rows = count_rejects(connection, table)
    if rows:
        _print_rows(["file", "stage", "reasons", "records"], rows)
    else:
        out.print("nothing was rejected")


@app.command()
def trace(
    table: Annotated[str, typer.Argument(help="A mart whose rows carry their origin, as votes.")],
    key: Annotated[str, typer.Argument(help="The value of the mart's key, its first column.")],
    raw: Raw = None,
    lake: Lake = None,
    warehouse: Warehouse = None,
) -> None:
    """Show the raw file, record number and original text behind a row of a mart."""
    from casebook.original import original_text
    from casebook.warehouse import open_warehouse
    from casebook.warehouse import trace as trace_row

    settings = find_settings(raw, lake, warehouse)
    with open_warehouse(settings.warehouse) as connection:
        origins = trace_row(connection, table, key)
    for origin in origins:
        original = original_text(settings, origin)
        facts = {"row of": origin.table}
        facts |= {f"  {name}": _shown(value) for name, value in origin.row.items()}
        facts |= {
            "raw file": origin.source_file,
            "record": str(origin.source_record),
            "landed as": json.dumps(origin.landed, ensure_ascii=False),
            "original text": original.text if original.text is not None else original.why,
        }
        width = max(map(len, facts)) + 2
        for name, value in facts.items():
            out.print(f"{name:{width}}{value}", markup=False)


@app.command()
def sample(
    out_dir: Annotated[Path, typer.Argument(help="Folder to write to, laid out like raw/.")],
    scale: Annotated[
        float, typer.Option(help="How many times the base number of records (5,000 votes).")
    ] = 1.0,
    quiet: Quiet = False,
) -> None:
    """Write deterministic, realistic, deliberately dirty raw files for every source."""
    from casebook.progress import counting
    from casebook.sample import write_sample

    with counting(err, "writing", quiet) as advance:
        report = write_sample(out_dir, scale, progress=advance)
    if quiet:
        return
    out.print(f"{report.folder}: {report.size_bytes:,} bytes")
    columns = ["files", "records", "quarantined", "rejected", "duplicate", "superseded", "kept"]
    _print_rows(
        ["table", *columns],
        [
            (f"{table.source}.{table.table}", *(getattr(table, name) for name in columns))
            for table in report.tables
        ],
    )


def _print_version(wanted: bool) -> None:
    if wanted:
        out.print(f"casebook {__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Folders of messy raw files into a tested, documented analytics warehouse."""


def main() -> None:
    """Run the command line; exit with 0 if all went well, 1 if not, 2 for wrong usage."""
    try:
        app()
    except CasebookError as error:
        err.print("[bold red]error[/] ", end="")
        err.print(str(error), markup=False)
        sys.exit(1)


def _load(
    settings: Settings, tables: list[str], verify: bool, allow_shrink: bool, quiet: bool
) -> int:
    from casebook.load import load as load_files
    from casebook.progress import LoadProgress

    with LoadProgress(err, quiet) as progress:
        report = load_files(
            settings, tables, verify=verify, allow_shrink=allow_shrink, progress=progress
        )
    for result in report.refused:
        err.print("[red]refused[/] ", end="")
        err.print(f"{result.entry.source_file}: {result.entry.refusal}", markup=False)
    if not quiet:
        _print_load(report)
    return report.exit_status


def _print_load(report: LoadReport) -> None:
    for result in report.files:
        if result.is_landed and result.entry.columns_ignored:
            ignored = ", ".join(result.entry.columns_ignored)
            out.print(f"ignored in {result.entry.source_file}: {ignored}", markup=False)
    for name in report.undeclared:
        out.print(f"not declared by any source: {name}", markup=False)
    for entry in report.gone:
        out.print(f"gone, but kept in the lake: {entry.source_file}", markup=False)
    rows = [
        (
            name,
            ", ".join(f"{number} {state}" for state, number in sorted(count.files.items())),
            _number(count.landed),
            _number(count.quarantined),
            _number(count.total_landed),
            _number(count.total_quarantined),
        )
        for name, count in report.counts.items()
    ]
    if not rows:
        out.print("nothing to load: no declared table has files")
        return
    columns = ["table", "files", "landed now", "quarantined now", "landed", "quarantined"]
    _print_rows(columns, rows)


def _print_summary(settings: Settings) -> None:
    from casebook.warehouse import open_warehouse, outlier_weeks, rejects, rows_per_mart

    with open_warehouse(settings.warehouse) as connection:
        marts = rows_per_mart(connection)
        weeks = outlier_weeks(connection) if "blog_analysis.outlier_weeks" in marts else []
        rejected = rejects(connection) if "audit.rejected_rows" in marts else []
    out.print(f"\n[bold green]published[/] {settings.warehouse}")
    _print_rows(["mart", "rows"], [(name, _number(rows)) for name, rows in marts.items()])
    if weeks:
        out.print(f"\n[bold]{len(weeks)} outlier weeks[/], the first:")
        _print_rows(["Year", "WeekNumber", "VoteCount"], weeks[:SHOWN])
    if rejected:
        total = sum(number for *_, number in rejected)
        reasons = Counter[tuple[str, str]]()
        for _, stage, reason, number in rejected:
            reasons[stage, reason] += number
        out.print(f"\n[bold]{total:,} records were quarantined or rejected[/], most often:")
        _print_rows(
            ["stage", "reason", "records"],
            [(*reason, _number(number)) for reason, number in reasons.most_common(SHOWN)],
        )
    out.print(
        "\n`casebook rejects` shows each, `casebook outliers` all weeks;"
        " `make docs` writes the docs site to target/docs/index.html"
    )


def _print_failures(result: BuildResult) -> None:
    keep = f": readers keep {result.warehouse}" if result.warehouse.exists() else ""
    err.print(f"[bold red]not published[/]{keep}")
    for problem in result.failures:
        err.print("[red]failed[/] ", end="")
        err.print(f"{problem.kind} {problem.name}: {_one_line(problem.message)}", markup=False)
        if problem.table:
            err.print(f"    its wrong rows: {problem.table}", markup=False)
    err.print(f"the candidate is at {result.candidate}", markup=False)


def _shown(value: object) -> str:
    return "" if value is None else str(value)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _number(value: int) -> str:
    """Digits in groups of three for people; plain ones for programs."""
    return f"{value:,}" if out.is_terminal else str(value)


def _print_rows(columns: list[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table on a terminal, comma-separated values otherwise."""
    if not out.is_terminal:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
        return
    grid = Grid(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        grid.add_column(column, overflow="fold")
    for row in rows:
        grid.add_row(*(escape(str(value)) for value in row))
    out.print(grid)


if __name__ == "__main__":
    main()
