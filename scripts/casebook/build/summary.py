"""What `casebook build` shows of the marts when it has published: what they declare for that."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from casebook.sql import quote_name

if TYPE_CHECKING:
    import duckdb


def summaries(
    connection: duckdb.DuckDBPyConnection, rows_per_mart: dict[str, int]
) -> Iterator[tuple[str, list[str], list[tuple[Any, ...]]]]:
    """The first rows of those marts that declare `meta: summary:` and have rows.

    It holds `heading`, where `{rows}` stands for how many rows the mart has; `columns`; `order`, as
    SQL of the project's own; and, where wanted, `rows`, how many to show, and `place` among all.

    Args:
        connection: to the published warehouse.
        rows_per_mart: rows by `schema.table`; marts that it does not name are passed over.

    Yields:
        Heading, columns and rows of each.
    """
    declared = connection.execute(
        "select relation, meta -> 'summary' from audit.declarations"
        " where (meta -> 'summary') is not null"
        " order by (meta -> 'summary' ->> 'place')::int nulls last, name"
    ).fetchall()
    for mart, text in declared:
        if number := rows_per_mart.get(mart):
            one = json.loads(text)
            names = ", ".join(map(quote_name, one["columns"]))
            query = f"select {names} from {mart} order by {one['order']}"
            rows = connection.execute(f"{query} limit {one.get('rows', 3)}").fetchall()
            yield one["heading"].format(rows=f"{number:,}"), one["columns"], rows
