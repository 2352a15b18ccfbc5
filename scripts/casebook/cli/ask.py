"""`casebook outliers`, `ctr`, `recommend` and `trace`: what the published warehouse holds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from casebook.cli.build import print_failures
from casebook.cli.options import Lake, Raw, Warehouse
from casebook.cli.printing import cell, out, print_rows
from casebook.errors import CasebookError
from casebook.settings import Settings, find_settings

if TYPE_CHECKING:
    from casebook.ask.trace import Origin


def outliers(raw: Raw = None, lake: Lake = None, warehouse: Warehouse = None) -> None:
    """Recreate blog_analysis.outlier_weeks and print it; does not ingest."""
    from casebook.ask.warehouse import has_table, open_warehouse
    from casebook.build.publish import build as build_warehouse

    settings = find_settings(raw, lake, warehouse, published=True)
    fix = "run `casebook build --select +votes` first: it ingests the votes"
    if not settings.warehouse.exists():
        raise CasebookError("there is no warehouse yet", file=settings.warehouse, fix=fix)
    with open_warehouse(settings.warehouse) as connection:
        if not has_table(connection, "blog_analysis", "votes"):
            raise CasebookError(
                "there is no table blog_analysis.votes", file=settings.warehouse, fix=fix
            )
    result = build_warehouse(
        settings, "run", ["--select", "weekly_votes", "outlier_weeks"], force=True
    )
    if not result.published:
        print_failures(result)
        raise typer.Exit(1)
    _print_answer(settings, "/outlier-weeks", {}, {})


def trace(
    table: Annotated[str, typer.Argument(help="A mart, as votes or movies.genre_year_facts.")],
    key: Annotated[
        list[str],
        typer.Argument(help="The values of the mart's key, or of its first columns."),
    ],
    rows: Annotated[
        int,
        typer.Option(
            min=0, help="How many of the rows that an aggregate is made of to show; 0 for all."
        ),
    ] = 3,
    raw: Raw = None,
    lake: Lake = None,
    warehouse: Warehouse = None,
) -> None:
    """Show what a row of a mart was made of: rows, raw files, record numbers, original texts."""
    from casebook.ask.trace import trace as trace_row
    from casebook.ask.warehouse import open_warehouse

    settings = find_settings(raw, lake, warehouse, published=True)
    with open_warehouse(settings.warehouse) as connection:
        traced = trace_row(connection, table, key, rows or None)
    for found in traced:
        if found.origin:
            _print_origin(settings, found.origin)
        else:
            _print_facts(_facts_of(found.table, found.row))
        for part in found.parts:
            facts = {"made of": f"{part.rows:,} rows of {part.table}"}
            for name, (how, value, has) in part.figures.items():
                facts[f"  {name}"] = f"{cell(has)} = {how}"
                if value != has:
                    facts[f"  {name}"] = f"{cell(has)}, but {how} is {cell(value)}"
            out.print()
            _print_facts(facts)
            for origin in part.origins:
                out.print()
                _print_origin(settings, origin)
            if len(part.origins) < part.rows:
                left = part.rows - len(part.origins)
                out.print(f"\n… and {left:,} more: --rows 0 shows all", markup=False)


def _print_origin(settings: Settings, origin: Origin) -> None:
    from casebook.load.original import original_text

    original = original_text(settings, origin)
    facts = _facts_of(origin.table, origin.row) | {
        "raw file": origin.source_file,
        "record": str(origin.source_record),
        "landed as": json.dumps(origin.landed, ensure_ascii=False),
        "original text": original.text if original.text is not None else original.why,
    }
    if original.correction is not None:
        facts["corrected to"] = original.correction
    _print_facts(facts)


def _facts_of(table: str, row: dict[str, Any]) -> dict[str, str]:
    return {"row of": table} | {f"  {name}": cell(value) for name, value in row.items()}


def _print_facts(facts: dict[str, str]) -> None:
    width = max(map(len, facts)) + 2
    for name, value in facts.items():
        out.print(f"{name:{width}}{value}", markup=False)


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
    given = {
        "startTimestamp": start,
        "endTimestamp": end,
        "aggregation": minutes,
        "product": product,
        "platform": platform,
    }
    shown = {"startTimestamp": "START", "endTimestamp": "END", "aggregation": "MINUTES"}
    _print_answer(find_settings(warehouse=warehouse, published=True), "/ctr", given, shown)


def recommend(
    user_id: Annotated[str, typer.Argument(help="The id of the user.")],
    threshold: Annotated[
        str | None,
        typer.Option("--threshold", help="What a rating has to be above, 0 to 5; 4.5 by default."),
    ] = None,
    warehouse: Warehouse = None,
) -> None:
    """Print the courses that are recommended to a user, best first."""
    _print_answer(
        find_settings(warehouse=warehouse, published=True),
        "/recommendations/{user_id}",
        {"user_id": user_id, "threshold": threshold},
        {"user_id": "USER_ID"},
    )


def _print_answer(
    settings: Settings, path: str, given: dict[str, str | None], shown: dict[str, str]
) -> None:
    """Print what an endpoint answers; `shown` are names of parameters that are no options."""
    from casebook.ask.declared import BUILD, InvalidRequestError, read_endpoints, read_values
    from casebook.ask.query import Query, find_columns
    from casebook.ask.warehouse import open_warehouse

    with open_warehouse(settings.warehouse) as connection:
        endpoint = read_endpoints(connection).get(path)
        if endpoint is None:
            reason = f"the published build declares no {path}"
            raise CasebookError(reason, file=settings.warehouse, fix=BUILD)
        columns = find_columns(connection, endpoint)
        sent = {name: value for name, value in given.items() if value is not None}
        try:
            query = Query(endpoint, read_values(endpoint, sent), columns)
        except InvalidRequestError as error:
            problem = error.problems[0]
            raise typer.BadParameter(
                f"{problem.sent!r}; expected: {problem.expected}",
                param_hint=shown.get(problem.parameter, f"--{problem.parameter}"),
            ) from error
        rows = ([*map(cell, row)] for batch in query.rows(connection) for row in batch)
        print_rows([column.name for column in columns], rows)
