"""`casebook outliers`, `ctr`, `recommend` and `trace`: what the published warehouse holds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from casebook.cli.build import print_failures
from casebook.cli.options import Lake, Raw, Warehouse
from casebook.cli.printing import cell, out, print_rows
from casebook.errors import CasebookError
from casebook.settings import find_settings

if TYPE_CHECKING:
    import duckdb

    from casebook.ask.parameters import BadQuestionError
    from casebook.ask.query import Query

CTR_ARGUMENTS = {
    "startTimestamp": "START",
    "endTimestamp": "END",
    "aggregation": "MINUTES",
    "product": "--product",
    "platform": "--platform",
}
RECOMMEND_ARGUMENTS = {"user_id": "USER_ID", "threshold": "--threshold"}


def outliers(raw: Raw = None, lake: Lake = None, warehouse: Warehouse = None) -> None:
    """Recreate blog_analysis.outlier_weeks and print it; does not ingest."""
    from casebook.ask.warehouse import has_table, open_warehouse, outlier_weeks
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
    with open_warehouse(settings.warehouse) as connection:
        print_rows(["Year", "WeekNumber", "VoteCount"], outlier_weeks(connection))


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

    settings = find_settings(raw, lake, warehouse, published=True)
    with open_warehouse(settings.warehouse) as connection:
        origins = trace_row(connection, table, key)
    for origin in origins:
        original = original_text(settings, origin)
        facts = {"row of": origin.table}
        facts |= {f"  {name}": cell(value) for name, value in origin.row.items()}
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

    settings = find_settings(warehouse=warehouse, published=True)
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

    settings = find_settings(warehouse=warehouse, published=True)
    with open_warehouse(settings.warehouse) as connection:
        columns = find_columns(connection, RECOMMENDATIONS, settings.warehouse)
        try:
            question = read_question(RECOMMENDATIONS, {"user_id": user_id, "threshold": threshold})
        except BadQuestionError as error:
            raise _wrong_usage(error, RECOMMEND_ARGUMENTS) from error
        _print_answer(connection, question.query(columns))


def _wrong_usage(error: BadQuestionError, arguments: Mapping[str, str]) -> typer.BadParameter:
    """What to say of the first argument that is wrong, by its name on the command line."""
    problem = error.problems[0]
    said = f"{problem.sent!r}; expected: {problem.expected}"
    return typer.BadParameter(said, param_hint=arguments[problem.parameter])


def _print_answer(connection: duckdb.DuckDBPyConnection, query: Query) -> None:
    rows = ([*map(cell, row)] for batch in query.texts(connection) for row in batch)
    print_rows([column.name for column in query.columns], rows)
