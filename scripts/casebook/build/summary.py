"""What `casebook build` shows of the marts when it has published: what they declare for that."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from casebook.sql import quote_name

if TYPE_CHECKING:
    import duckdb

NOT_PLACED = 1_000_000


@dataclass(frozen=True)
class Summary:
    """The first rows of a mart, in an order that makes them worth a look: its `meta: summary:`.

    Attributes:
        heading: what the rows are; `{rows}` stands for how many rows the mart has.
        columns: the columns to show.
        order: what to sort by, as SQL of the project's own.
        rows: how many rows to show.
        place: where among the summaries of all marts.
    """

    heading: str
    columns: list[str]
    order: str
    rows: int = 3
    place: int = NOT_PLACED


def summaries(
    connection: duckdb.DuckDBPyConnection, rows_per_mart: dict[str, int]
) -> Iterator[tuple[str, list[str], list[tuple[Any, ...]]]]:
    """The summaries of those marts that have rows.

    Args:
        connection: to the published warehouse.
        rows_per_mart: rows by `schema.table`; marts that it does not name are passed over.

    Yields:
        Heading, columns and rows of each.
    """
    declared = connection.execute(
        "select relation, meta -> 'summary' from audit.declarations"
        " where (meta -> 'summary') is not null order by name"
    ).fetchall()
    found = [(mart, Summary(**json.loads(summary))) for mart, summary in declared]
    for mart, one in sorted(found, key=lambda pair: pair[1].place):
        if number := rows_per_mart.get(mart):
            names = ", ".join(map(quote_name, one.columns))
            rows = connection.execute(
                f"select {names} from {mart} order by {one.order} limit {one.rows}"
            )
            yield one.heading.format(rows=f"{number:,}"), one.columns, rows.fetchall()
