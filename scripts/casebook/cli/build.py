"""`casebook build`: load, build, publish, and what to look at then."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from casebook.cli.load import load_tables
from casebook.cli.options import (
    AllowShrink,
    Check,
    Force,
    Lake,
    Purge,
    Quiet,
    Raw,
    Sample,
    Target,
    UnitTests,
    Verbose,
    Verify,
    Warehouse,
)
from casebook.cli.printing import (
    cell,
    digits,
    err,
    out,
    print_places,
    print_problems,
    print_rows,
    print_warnings,
)
from casebook.cli.progress import counting
from casebook.settings import Settings, find_settings

if TYPE_CHECKING:
    from casebook.build.dbt import Watcher
    from casebook.build.publish import BuildResult

NOT_PUBLISHED = 1
FOUND = 1
SOME_REFUSED = 3
REASONS_SHOWN = 5
# Options that this command does not know are dbt's.
DBT_OPTIONS = {"allow_extra_args": True, "ignore_unknown_options": True}


def build(
    context: typer.Context,
    raw: Raw = None,
    lake: Lake = None,
    warehouse: Warehouse = None,
    verify: Verify = False,
    allow_shrink: AllowShrink = False,
    force: Force = False,
    purge: Purge = False,
    check: Check = None,
    unit_tests: UnitTests = False,
    sample: Sample = False,
    target: Target = None,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Load, build into a candidate, and publish it if every error-level test passed.

    Where lake, project and options are those of the published build, there is nothing to build;
    where only tables have other deliveries, what depends on them is built.
    On Spark it builds in place: there is no candidate, and a lake at an address is built from
    without loading. All other options go to `dbt build`, such as
    `--select +votes` or `--full-refresh`.

    Exit status: 0 if all went well, 1 if nothing was published (or `--check` found its text), 2 for
    wrong usage, 3 if it was published although raw files were refused, 130 if it was interrupted.
    """
    settings = find_settings(raw, lake, warehouse, sample=sample)
    on_spark = (target or os.environ.get("DBT_TARGET")) == "spark"
    if on_spark:
        from casebook.build.spark import check_spark

        check_spark()
    refused = 0
    if not on_spark or not isinstance(settings.lake_place, str):
        print_places(settings, quiet)
        refused = load_tables(settings, [], verify, allow_shrink, quiet, purge=purge)
    elif not quiet:
        where = f"the lake is at {settings.lake_place}"
        out.print(f"{where}: nothing is loaded here, its ledger says what is built", markup=False)
    options = list(context.args)
    if not unit_tests:
        options += ["--exclude-resource-type", "unit_test"]
    if on_spark:
        _build_on_spark(settings, options, verbose, quiet)
    else:
        options += ["--target", target] if target else []
        options += ["--full-refresh"] if purge else []
        narrow = not context.args
        _build_on_duckdb(settings, options, force or purge, narrow, purge, verbose, quiet)
    if check:
        _check_for(settings, check)
    if refused:
        err.print("[red]some raw files were refused[/]: see above, or audit.loaded_files")
        raise typer.Exit(SOME_REFUSED)


@contextmanager
def watching(verbose: bool, quiet: bool) -> Iterator[Watcher]:
    """A run of dbt as one line of progress, or as its log."""
    from casebook.build.dbt import Watcher

    def show(text: str) -> None:
        err.print(text, markup=False)

    with counting("building", quiet or verbose) as advance:
        yield Watcher(verbose and not quiet, None if quiet else show, advance)


def _build_on_duckdb(
    settings: Settings,
    options: list[str],
    force: bool,
    narrow: bool,
    compact: bool,
    verbose: bool,
    quiet: bool,
) -> None:
    from casebook.build.publish import build as build_warehouse

    with watching(verbose, quiet) as watcher:
        result = build_warehouse(
            settings,
            "build",
            options,
            force=force,
            narrow=narrow,
            compact=compact,
            watcher=watcher,
        )
    print_warnings(result.warnings)
    if not result.published:
        print_failures(result)
        raise typer.Exit(NOT_PUBLISHED)
    if result.unchanged and not quiet:
        out.print(f"nothing has changed since {settings.warehouse} was built", markup=False)
    elif not quiet:
        _print_summary(settings)
        if result.changed:
            out.print(f"only what depends on {', '.join(result.changed)} was built", markup=False)


def _check_for(settings: Settings, text: str) -> None:
    from casebook.load.purge import find_text

    if found := find_text(settings, text):
        err.print(f"[red]found[/] in {len(found)} places:")
        for place in found:
            err.print(f"    {place}", markup=False)
        raise typer.Exit(FOUND)
    out.print("not found in lake and warehouse")


def _build_on_spark(settings: Settings, options: list[str], verbose: bool, quiet: bool) -> None:
    from casebook.build.spark import build_on_spark

    with watching(verbose, quiet) as watcher:
        result = build_on_spark(settings, options, watcher=watcher)
    print_warnings(result.warnings)
    if result.failures:
        err.print("[bold red]not all is built[/]: what is there is as new as it could be made")
        print_problems(result.failures)
        raise typer.Exit(NOT_PUBLISHED)
    if not quiet:
        out.print(f"\n[bold green]built[/] in place on Spark: {result.warehouse}")


def _print_summary(settings: Settings) -> None:
    from casebook.ask.warehouse import has_table, last_build, older_audit, open_warehouse, rejects
    from casebook.build.summary import summaries

    with open_warehouse(settings.warehouse) as connection:
        _, marts = last_build(connection) or ("", {})
        declared = has_table(connection, "audit", "declarations")
        found = list(summaries(connection, marts)) if declared else []
        audited = {"audit.rejected_rows", "audit.loaded_files"} <= marts.keys()
        rejected = rejects(connection) if audited else []
        older = older_audit(connection) if rejected else None
    out.print(f"\n[bold green]published[/] {settings.warehouse}")
    # A case that nothing was delivered for has no rows at all.
    delivered = {name.split(".")[0] for name, rows in marts.items() if rows}
    print_rows(
        ["mart", "rows"],
        [(name, digits(rows)) for name, rows in marts.items() if name.split(".")[0] in delivered],
    )
    for heading, columns, rows in found:
        out.print(f"\n[bold]{heading}[/]:")
        print_rows(columns, (tuple(map(cell, row)) for row in rows))
    if rejected:
        total = sum(row[3] for row in rejected)
        reasons = Counter[tuple[str, str]]()
        for _, stage, reason, number, *_ in rejected:
            reasons[stage, reason] += number
        as_of = f" as of build {older}" if older else ""
        out.print(f"\n[bold]{total:,} records were quarantined or rejected[/]{as_of}, most often:")
        print_rows(
            ["stage", "reason", "records"],
            [(*reason, digits(number)) for reason, number in reasons.most_common(REASONS_SHOWN)],
        )
    out.print(
        "\n`casebook rejects` shows each, `casebook outliers` all weeks;"
        " `make docs` writes report and catalogue to target/site/"
    )


def print_failures(result: BuildResult) -> None:
    """What kept a build from being published, and where it can be looked at."""
    keep = f": readers keep {result.warehouse}" if result.warehouse.exists() else ""
    err.print(f"[bold red]not published[/]{keep}")
    print_problems(result.failures)
    err.print(f"the candidate, to query these in: {result.candidate}", markup=False)
