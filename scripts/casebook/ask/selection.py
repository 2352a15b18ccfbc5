"""Rows of an endpoint as SQL: what a client sends is bound, never text of a statement.

The text is made of what models declare, and of the warehouse's own column names, quoted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import duckdb

from casebook.ask.declared import BUILD, Endpoint, quote_relation
from casebook.ask.parameters import PAGING
from casebook.ask.query import Column, Query
from casebook.errors import CasebookError
from casebook.sql import quote_name


def select(endpoint: Endpoint, values: Mapping[str, Any], columns: tuple[Column, ...]) -> Query:
    """The rows that someone requests.

    Args:
        endpoint: whose rows they are.
        values: valid values by the names of parameters, and of those of pages.
        columns: the columns that the endpoint has in the warehouse.
    """
    known = endpoint.parameters
    where = [
        f"answer.{quote_name(known[name].column)} {known[name].compare} ${name}"
        for name in values
        if name in known and known[name].column
    ]
    sql = f"from {_relation_sql(endpoint)} as answer"
    if where:
        sql += f" where {' and '.join(where)}"
    page = ""
    if endpoint.sorted_by:
        page = f" order by {', '.join(map(_order_sql, endpoint.sorted_by))}"
    page += "".join(f" {name} ${name}" for name in ("limit", "offset") if name in values)
    bound = {name: values.get(name) for name in known if known[name].argument or name in values}
    paging = {name: values[name] for name in PAGING if name in values and name != "build"}
    return Query(columns, sql, bound, page, paging)


def find_columns(
    connection: duckdb.DuckDBPyConnection, endpoint: Endpoint, file: object
) -> tuple[Column, ...]:
    """The columns that an endpoint's answers have in a warehouse, with their types.

    Args:
        connection: to the warehouse.
        endpoint: whose rows they are.
        file: what to call the warehouse in an error.

    Raises:
        CasebookError: if the warehouse lacks the mart, or a column that the endpoint needs.
    """
    none = {name: None for name, one in endpoint.parameters.items() if one.argument}
    try:
        found = connection.execute(f"describe from {_relation_sql(endpoint)}", none).fetchall()
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        kind = "table function" if endpoint.is_function else "mart"
        raise CasebookError(
            f"the published build has no {kind} {endpoint.relation}", file=file, fix=BUILD
        ) from error
    columns = tuple(
        Column(name, type_, endpoint.described.get(endpoint.columns.get(name, name), ""))
        for name, type_, *_ in found
    )
    needed = [one.column for one in endpoint.parameters.values() if one.column]
    needed += [name.lstrip("-") for name in endpoint.sorted_by]
    names = {column.name for column in columns}
    if lacking := [name for name in dict.fromkeys(needed) if name not in names]:
        raise CasebookError(
            f"{endpoint.relation} of the published build has no column {', '.join(lacking)}",
            file=file,
            fix=f"{BUILD}, with this version of Casebook",
        )
    return columns


def _relation_sql(endpoint: Endpoint) -> str:
    relation = quote_relation(endpoint.relation)
    if not endpoint.is_function:
        return relation
    taken = (f"{quote_name(one.argument)} := ${name}" for name, one in endpoint.parameters.items())
    names = (
        f"{quote_name(column)} as {quote_name(name)}" for name, column in endpoint.columns.items()
    )
    return f"(select {', '.join(names) or '*'} from {relation}({', '.join(taken)}))"


def _order_sql(name: str) -> str:
    if name.startswith("-"):
        return f"answer.{quote_name(name[1:])} desc nulls last"
    return f"answer.{quote_name(name)} nulls last"
