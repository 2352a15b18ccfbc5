"""The `casebook` command: parses, calls, prints."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
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
    import duckdb

    from casebook.ask.parameters import BadQuestionError
    from casebook.ask.query import Query
    from casebook.build.publish import BuildResult, Problem
    from casebook.combine.run import CombineReport
    from casebook.load.replay import ReplayReport
    from casebook.load.run import LoadReport

SHOWN = 5
CTR_ARGUMENTS = {
    "startTimestamp": "START",
    "endTimestamp": "END",
    "aggregation": "MINUTES",
    "product": "--product",
    "platform": "--platform",
}
RECOMMEND_ARGUMENTS = {"user_id": "USER_ID", "threshold": "--threshold"}

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
    str | None,
    typer.Option("--raw", help="Folder of raw files; CASEBOOK_RAW, or raw/."),
]
Lake = Annotated[
    str | None,
    typer.Option("--lake", help="Folder of the lake; CASEBOOK_LAKE, or lake/."),
]
Warehouse = Annotated[
    str | None,
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
        loaded = _load(settings, [], verify, allow_shrink, quiet)
    options = list(context.args)
    if not unit_tests:
        options += ["--exclude-resource-type", "unit_test"]
    if on_spark:
        raise typer.Exit(_build_on_spark(settings, options, quiet) or loaded)
    if target:
        options += ["--target", target]
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
    from casebook.ask.warehouse import has_table, open_warehouse, outlier_weeks
    from casebook.build.publish import build as build_warehouse

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
    from casebook.ask.warehouse import open_warehouse, rejected_records
    from casebook.ask.warehouse import rejects as count_rejects
    from casebook.load.discover import choose_tables
    from casebook.sources import read_sources

    settings = find_settings(lake=lake, warehouse=warehouse)
    tables = choose_tables(read_sources(settings.project), [table] if table else [])
    if settings.lake.exists() and not settings.warehouse.exists():
        err.print("nothing is built yet: these are in quarantine; a build finds what else is wrong")
        names = [table.full_name for table in tables]
        _print_quarantine(settings, names, file, text)
        return
    with open_warehouse(settings.warehouse) as connection:
        if text:
            _print_records(rejected_records(connection, table, file))
            return
        rows = count_rejects(connection, table, file)
    _print_rejects(rows)


@app.command()
def replay(
    tables: Annotated[
        list[str] | None,
        typer.Argument(help="SOURCE or SOURCE.TABLE, as blog.votes; all by default."),
    ] = None,
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
    from casebook.lake.layout import Lake as LakeFolder
    from casebook.load.corrections import export_quarantine
    from casebook.load.discover import choose_tables
    from casebook.load.replay import replay as replay_quarantine
    from casebook.sources import read_sources

    if export and corrections:
        raise typer.BadParameter("give --export or --corrections, not both")
    settings = find_settings(lake=lake)
    if export:
        names = [t.full_name for t in choose_tables(read_sources(settings.project), tables or [])]
        records = export_quarantine(LakeFolder(settings.lake), names, export)
        if not quiet:
            out.print(f"{export}: {_number(records)} records", markup=False)
        return
    with counting(err, "replaying", quiet) as advance:
        report = replay_quarantine(
            settings, tables or [], corrections=corrections, progress=advance
        )
    for failure in report.failures:
        err.print("[red]not done[/] ", end="")
        err.print(str(failure), markup=False)
    if not quiet:
        _print_replay(report)
    raise typer.Exit(report.exit_status)


@app.command()
def trace(
    table: Annotated[str, typer.Argument(help="A mart whose rows carry their origin, as votes.")],
    key: Annotated[
        list[str],
        typer.Argument(help="The mart's key: the value of its first column, its second and so on."),
    ],
    raw: Raw = None,
    lake: Lake = None,
    warehouse: Warehouse = None,
) -> None:
    """Show the raw file, record number and original text behind a row of a mart."""
    from casebook.ask.warehouse import open_warehouse
    from casebook.ask.warehouse import trace as trace_row
    from casebook.load.original import original_text

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
        if original.correction is not None:
            facts["corrected to"] = original.correction
        width = max(map(len, facts)) + 2
        for name, value in facts.items():
            out.print(f"{name:{width}}{value}", markup=False)


@app.command()
def ctr(
    start: Annotated[
        str, typer.Argument(help="Start of the range, in GMT−03:00, as '2016-01-03 13:55:00'.")
    ],
    end: Annotated[str, typer.Argument(help="End of the range, which is not in it.")],
    minutes: Annotated[str, typer.Argument(help="Length of an interval, in whole minutes.")],
    product: Annotated[
        str | None, typer.Option("--product", help="A product's code; all by default.")
    ] = None,
    platform: Annotated[
        str | None, typer.Option("--platform", help="One platform; all by default.")
    ] = None,
    warehouse: Warehouse = None,
) -> None:
    """Print the click-through rate of each product by interval and platform."""
    from casebook.ask.ctr import has_click_through_rates, platforms_with_views, read_question
    from casebook.ask.parameters import BadQuestionError
    from casebook.ask.warehouse import open_warehouse

    settings = find_settings(warehouse=warehouse)
    given = {
        "startTimestamp": start,
        "endTimestamp": end,
        "aggregation": minutes,
        "product": product,
        "platform": platform,
    }
    with open_warehouse(settings.warehouse) as connection:
        if not has_click_through_rates(connection):
            raise CasebookError(
                "there is no table function storefront.ctr",
                file=settings.warehouse,
                fix="run `casebook build`",
            )
        try:
            question = read_question(given, platforms_with_views(connection))
        except BadQuestionError as error:
            raise _wrong_usage(error, CTR_ARGUMENTS) from error
        _print_answer(connection, question.query)


@app.command()
def recommend(
    user_id: Annotated[str, typer.Argument(help="The id of the user.")],
    threshold: Annotated[
        str | None,
        typer.Option("--threshold", help="What a rating has to be above, 0 to 5; 4.5 by default."),
    ] = None,
    warehouse: Warehouse = None,
) -> None:
    """Print the courses that are recommended to a user, best first."""
    from casebook.ask.offers import RECOMMENDATIONS, find_columns, read_question
    from casebook.ask.parameters import BadQuestionError
    from casebook.ask.warehouse import open_warehouse

    settings = find_settings(warehouse=warehouse)
    with open_warehouse(settings.warehouse) as connection:
        columns = find_columns(connection, RECOMMENDATIONS, settings.warehouse)
        try:
            question = read_question(RECOMMENDATIONS, {"user_id": user_id, "threshold": threshold})
        except BadQuestionError as error:
            raise _wrong_usage(error, RECOMMEND_ARGUMENTS) from error
        _print_answer(connection, question.query(columns))


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)
    ] = 8000,
    memory: Annotated[
        str, typer.Option(help="How much memory DuckDB may take; beyond that it uses the disk.")
    ] = "1GB",
    log: Annotated[bool, typer.Option("--log", help="Write a line for every request.")] = False,
    warehouse: Warehouse = None,
) -> None:
    """Answer questions over HTTP from the published warehouse, until Ctrl-C."""
    try:
        from casebook.api.server import serve as run_server
    except ModuleNotFoundError as error:
        raise CasebookError(
            f"the HTTP API needs a package that is not installed: {error.name}",
            fix="run `make serve`, or in the project's folder: pip install -e '.[serve]'",
        ) from error

    settings = find_settings(warehouse=warehouse)

    def started(address: str) -> None:
        out.print(f"{address} answers from {settings.warehouse}; Ctrl-C stops it", markup=False)
        out.print(f"what can be asked: {address}/docs", markup=False)
        if not settings.warehouse.exists():
            err.print("nothing is published there yet; run `casebook build`", markup=False)
        sys.stdout.flush()

    run_server(
        settings.warehouse,
        host,
        port,
        memory=memory,
        log=log,
        started=started,
        say=lambda line: err.print(line, markup=False),
    )


@app.command()
def declare(
    path: Annotated[
        str, typer.Argument(help="A raw file; a table of a SQLite file as FILE#TABLE.")
    ],
    table: Annotated[
        str | None,
        typer.Option(
            "--table", metavar="SOURCE.TABLE", help="The table; by default what its folders say."
        ),
    ] = None,
    raw: Raw = None,
    force: Annotated[
        bool, typer.Option("--force", help="Write over a staging model that exists.")
    ] = False,
    show: Annotated[bool, typer.Option("--print", help="Print the draft; write nothing.")] = False,
) -> None:
    """Draft the source YAML and the staging model for a new kind of raw file.

    Types, keys and what is required are guessed from the file's first records. The draft builds as
    it stands; what is to be looked at is marked `# confirm:`.
    """
    from casebook.draft import declare as draft_files
    from casebook.draft import preview, write

    settings = find_settings(raw)
    declared = draft_files(settings, path, table, force=force)
    if show:
        out.print(preview(settings, declared), markup=False, end="")
        return
    write(declared)
    for file in declared.files:
        verb = "wrote" if file in declared.new else "changed"
        out.print(f"{verb} {file.relative_to(settings.project)}", markup=False)
    if declared.by_hand:
        err.print("[yellow]add to dbt_project.yml[/], so that the audit counts the records:")
        err.print(declared.by_hand, markup=False)
    out.print(f"\nguessed from {declared.seen}; look at each `# confirm:`", markup=False)
    if declared.head.bad:
        bad = f"{declared.head.bad} of its first records cannot be read"
        out.print(f"{bad}, such as {declared.head.why_bad}", markup=False)
    _print_rows(
        ["column", "staging", "type", "required", "key", "look at"],
        [
            (
                guess.name.delivered,
                guess.name.staging,
                guess.type_name,
                "yes" if guess.required else "",
                "yes" if guess.name in declared.key.columns else "",
                "; ".join(guess.remarks),
            )
            for guess in declared.guesses
        ],
    )
    if not declared.key.columns:
        out.print(f"no key: {declared.key.remark}", markup=False)
    out.print(
        f"\nnext: `casebook build`, then `casebook rejects {declared.table} --raw`", markup=False
    )


@app.command()
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

    with counting(err, "combining", quiet) as progress:
        report = combine_folders(raw_dir, out_dir, skip_bad=skip_bad, progress=progress)
    for failure in report.failures:
        err.print("[red]not combined[/] ", end="")
        err.print(str(failure), markup=False)
    if not quiet:
        _print_combined(report)
    raise typer.Exit(report.exit_status)


@app.command()
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


def _build_on_spark(settings: Settings, options: list[str], quiet: bool) -> int:
    from casebook.build.spark import build_on_spark

    result = build_on_spark(settings, options, quiet=quiet)
    for problem in result.warnings:
        err.print(f"[yellow]look at[/] {problem.name}: {_one_line(problem.message)}")
    if result.failures:
        err.print("[bold red]not all is built[/]: what is there is as new as it could be made")
        _print_problems(result.failures)
        return 1
    if not quiet:
        out.print(f"\n[bold green]built[/] in place on Spark: {result.warehouse}")
    return 0


def _load(
    settings: Settings, tables: list[str], verify: bool, allow_shrink: bool, quiet: bool
) -> int:
    from casebook.cli.progress import LoadProgress
    from casebook.load.run import load as load_files

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


def _print_combined(report: CombineReport) -> None:
    for name in report.left_alone:
        out.print(f"in no subfolder, or a dot file: {name}", markup=False)
    for name in report.removed:
        out.print(f"removed, as its subfolder is gone: {name}", markup=False)
    columns = ["files", "records", "rejected", "size_bytes"]
    _print_rows(
        ["subfolder", *columns],
        [
            (done.subfolder, *(_number(getattr(done, column)) for column in columns))
            for done in report.combined
        ],
    )


def _print_replay(report: ReplayReport) -> None:
    if not report.tables:
        out.print("nothing is in quarantine")
        return
    columns = ["files", "tried", "landed", "left"]
    _print_rows(
        ["table", *columns],
        [
            (name, *(_number(getattr(count, column)) for column in columns))
            for name, count in report.tables.items()
        ],
    )
    if report.landed:
        out.print("the next `casebook build` takes in what was landed")


def _print_quarantine(
    settings: Settings, tables: list[str], file: str | None, with_text: bool
) -> None:
    from casebook.lake.layout import Lake as LakeFolder
    from casebook.load.corrections import all_in_quarantine

    found = (
        (entry.source_file, row.record, row.first_line, "quarantined", row.reason, row.text)
        for entry, row in all_in_quarantine(LakeFolder(settings.lake), tables)
        if file in (None, entry.source_file)
    )
    if with_text:
        _print_records(found)
        return
    counts = Counter((name, stage, reason) for name, _, _, stage, reason, _ in found)
    ranked = sorted(counts.items(), key=lambda item: (item[0][0], -item[1], item[0]))
    _print_rejects([(*what, number) for what, number in ranked])


def _print_records(records: Iterable[tuple[str, int, int | None, str, str, str]]) -> None:
    for file, record, line, stage, reasons, raw_text in records:
        place = f"record {record}" + (f", line {line}" if line else "")
        out.print(f"{file}: {place}: {stage}: {reasons}", markup=False, style="bold")
        out.print(f"    {raw_text}", markup=False)


def _print_rejects(rows: list[tuple[str, str, str, int]]) -> None:
    if rows:
        _print_rows(["file", "stage", "reasons", "records"], rows)
    else:
        out.print("nothing was rejected")


def _print_summary(settings: Settings) -> None:
    from casebook.ask.warehouse import open_warehouse, rejects, rows_per_mart
    from casebook.build.summary import highlights

    with open_warehouse(settings.warehouse) as connection:
        marts = rows_per_mart(connection)
        shown = list(highlights(connection, marts))
        rejected = rejects(connection) if "audit.rejected_rows" in marts else []
    out.print(f"\n[bold green]published[/] {settings.warehouse}")
    _print_rows(["mart", "rows"], [(name, _number(rows)) for name, rows in marts.items()])
    for heading, columns, rows in shown:
        out.print(f"\n[bold]{heading}[/]:")
        _print_rows(list(columns), (tuple(map(_shown, row)) for row in rows))
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
    _print_problems(result.failures)
    err.print(f"the candidate is at {result.candidate}", markup=False)


def _print_problems(problems: Iterable[Problem]) -> None:
    for problem in problems:
        err.print("[red]failed[/] ", end="")
        err.print(f"{problem.kind} {problem.name}: {_one_line(problem.message)}", markup=False)
        if problem.table:
            err.print(f"    its wrong rows: {problem.table}", markup=False)


def _wrong_usage(error: BadQuestionError, arguments: Mapping[str, str]) -> typer.BadParameter:
    """What to say of the first argument that is wrong, by its name on the command line."""
    problem = error.problems[0]
    said = f"{problem.sent!r}; expected: {problem.expected}"
    return typer.BadParameter(said, param_hint=arguments[problem.parameter])


def _print_answer(connection: duckdb.DuckDBPyConnection, query: Query) -> None:
    rows = (map(_shown, row) for batch in query.texts(connection) for row in batch)
    _print_rows([column.name for column in query.columns], rows)


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
