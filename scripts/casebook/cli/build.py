"""`casebook build`: load, build, publish, and what to look at then."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from casebook.cli.load import load_tables
from casebook.cli.options import AllowShrink, Lake, Quiet, Raw, Verify, Warehouse
from casebook.cli.printing import cell, digits, err, one_line, out, print_problems, print_rows
from casebook.settings import Settings, find_settings

if TYPE_CHECKING:
    from casebook.build.publish import BuildResult

SHOWN = 5
# Options that this command does not know are dbt's.
DBT_OPTIONS = {"allow_extra_args": True, "ignore_unknown_options": True}


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
    target: Annotated[
        str | None, typer.Option("--target", "-t", help="duckdb, or spark: see docs/spark.md.")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Load, build into a candidate, and publish it if every error-level test passed.

    On Spark it builds in place: there is no candidate, and a lake at an address is built from
    without loading. All other options go to `dbt build`, such as
    `--select +votes` or `--full-refresh`.
    """
    from casebook.build.publish import build as build_warehouse

    settings = find_settings(raw, lake, warehouse)
    on_spark = (target or os.environ.get("DBT_TARGET")) == "spark"
    if on_spark:
        from casebook.build.spark import check_spark

        check_spark()
    if on_spark and isinstance(settings.lake_place, str):
        loaded = 0
        if not quiet:
            where = settings.lake_place
            said = f"the lake is at {where}: nothing is loaded here, its ledger says what is built"
            out.print(said, markup=False)
    else:
        loaded = load_tables(settings, [], verify, allow_shrink, quiet)
    options = list(context.args)
    if not unit_tests:
        options += ["--exclude-resource-type", "unit_test"]
    if on_spark:
        raise typer.Exit(_build_on_spark(settings, options, quiet) or loaded)
    if target:
        options += ["--target", target]
    result = build_warehouse(settings, "build", options, quiet=quiet)
    for problem in result.warnings:
        err.print(f"[yellow]look at[/] {problem.name}: {one_line(problem.message)}")
    if not result.published:
        print_failures(result)
        raise typer.Exit(1)
    if not quiet:
        _print_summary(settings)
    if loaded:
        err.print("[red]some raw files were refused[/]: see above, or audit.loaded_files")
    raise typer.Exit(loaded)


def _build_on_spark(settings: Settings, options: list[str], quiet: bool) -> int:
    from casebook.build.spark import build_on_spark

    result = build_on_spark(settings, options, quiet=quiet)
    for problem in result.warnings:
        err.print(f"[yellow]look at[/] {problem.name}: {one_line(problem.message)}")
    if result.failures:
        err.print("[bold red]not all is built[/]: what is there is as new as it could be made")
        print_problems(result.failures)
        return 1
    if not quiet:
        out.print(f"\n[bold green]built[/] in place on Spark: {result.warehouse}")
    return 0


def _print_summary(settings: Settings) -> None:
    from casebook.ask.warehouse import open_warehouse, rejects, rows_per_mart
    from casebook.build.summary import highlights

    with open_warehouse(settings.warehouse) as connection:
        marts = rows_per_mart(connection)
        found = list(highlights(connection, marts))
        rejected = rejects(connection) if "audit.rejected_rows" in marts else []
    out.print(f"\n[bold green]published[/] {settings.warehouse}")
    print_rows(["mart", "rows"], [(name, digits(rows)) for name, rows in marts.items()])
    for heading, columns, rows in found:
        out.print(f"\n[bold]{heading}[/]:")
        print_rows(list(columns), (tuple(map(cell, row)) for row in rows))
    if rejected:
        total = sum(number for *_, number in rejected)
        reasons = Counter[tuple[str, str]]()
        for _, stage, reason, number in rejected:
            reasons[stage, reason] += number
        out.print(f"\n[bold]{total:,} records were quarantined or rejected[/], most often:")
        print_rows(
            ["stage", "reason", "records"],
            [(*reason, digits(number)) for reason, number in reasons.most_common(SHOWN)],
        )
    out.print(
        "\n`casebook rejects` shows each, `casebook outliers` all weeks;"
        " `make docs` writes the docs site to target/docs/index.html"
    )


def print_failures(result: BuildResult) -> None:
    keep = f": readers keep {result.warehouse}" if result.warehouse.exists() else ""
    err.print(f"[bold red]not published[/]{keep}")
    print_problems(result.failures)
    err.print(f"the candidate is at {result.candidate}", markup=False)
