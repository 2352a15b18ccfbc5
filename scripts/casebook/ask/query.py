"""Rows of an endpoint as SQL, and as texts, some thousand at a time.

What a client sends is bound, never text of a statement. The text is made of what models declare,
and of the warehouse's own column names, quoted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import duckdb

from casebook.ask.declared import BUILD, Endpoint
from casebook.errors import CasebookError
from casebook.sql import quote_name, quote_relation, quote_text

BATCH = 5_000
# DuckDB writes decimals of so many digits or more to JSON as they are.
EXACT = 18
WHOLE_NUMBER = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DECIMAL\([0-9]+,0\)")
DECIMAL = re.compile(r"DECIMAL\(([0-9]+),([0-9]+)\)")

Row = tuple[str | None, ...]


@dataclass(frozen=True)
class Column:
    """A column of an answer: its name, its type as DuckDB spells it, and its description."""

    name: str
    type_name: str
    comment: str = ""

    @property
    def json_type(self) -> str:
        """The type of its values in JSON; a double, which marts lack, is a text."""
        if WHOLE_NUMBER.fullmatch(self.type_name):
            return "integer"
        if DECIMAL.fullmatch(self.type_name):
            return "number"
        return "boolean" if self.type_name == "BOOLEAN" else "string"

    @property
    def value_sql(self) -> str:
        """The SQL of its values, as JSON can have them: numbers, booleans and texts."""
        value = f"answer.{quote_name(self.name)}"
        if self.json_type == "string":
            return f"cast({value} as varchar)"
        digits = DECIMAL.fullmatch(self.type_name)
        if digits and (int(digits[1]) < EXACT or digits[1] == digits[2]):
            # DuckDB writes narrow ones as doubles, and 0.5 of a decimal(1,1) as `.5`.
            return f"cast({value} as decimal(38, {digits[2]}))"
        return value


@dataclass(frozen=True)
class Query:
    """A request as it is put to the warehouse; nothing in its SQL came from outside.

    Args:
        endpoint: whose rows are requested.
        values: valid values by the names of parameters, and of those of pages.
        columns: the columns that the endpoint has in the warehouse.
    """

    endpoint: Endpoint
    values: Mapping[str, Any]
    columns: tuple[Column, ...]

    def rows(
        self, connection: duckdb.DuckDBPyConnection, *, as_json: bool = False
    ) -> Iterator[list[Row]]:
        """The rows, up to 5,000 at a time; the connection is busy until the last.

        Args:
            connection: to the warehouse.
            as_json: each row is one text, an object, which DuckDB writes, as Python would take
                longer than the query itself; else a text for each value.
        """
        shown = ", ".join(f"cast({column.value_sql} as varchar)" for column in self.columns)
        if as_json:
            values = (f"{quote_text(column.name)}: {column.value_sql}" for column in self.columns)
            shown = f"to_json({{{', '.join(values)}}})"
        rows, bound = self._rows_sql()
        sorted_by = [
            f"answer.{quote_name(name.lstrip('-'))} {'desc' if name[0] == '-' else ''} nulls last"
            for name in (*self.endpoint.order, *self.endpoint.key)
        ]
        page = {name: self.values[name] for name in ("limit", "offset") if name in self.values}
        # They are sorted as they are and spelled as they leave: a sort of JSON would hold all of
        # its text in memory.
        rows = f"select answer.* {rows} {'order by' if sorted_by else ''} {', '.join(sorted_by)}"
        rows += "".join(f" {name} ${name}" for name in page)
        answer = connection.execute(f"select {shown} from ({rows}) as answer", bound | page)
        while batch := answer.fetchmany(BATCH):
            yield batch

    def count(self, connection: duckdb.DuckDBPyConnection) -> int:
        """How many rows there are on all pages."""
        rows, bound = self._rows_sql()
        [(count,)] = connection.execute(f"select count(*) {rows}", bound).fetchall()
        return int(count)

    def _rows_sql(self) -> tuple[str, dict[str, Any]]:
        """Where the rows come from: `from … as answer`, and what is bound in it, by name."""
        known, given = self.endpoint.parameters, self.values
        bound = {name: given.get(name) for name in known if known[name].argument or name in given}
        where = " and ".join(
            f"answer.{quote_name(known[name].column)} {known[name].compare} ${name}"
            for name in bound
            if known[name].column
        )
        return f"from {_relation_sql(self.endpoint)} as answer where {where or 'true'}", bound


def find_columns(connection: duckdb.DuckDBPyConnection, endpoint: Endpoint) -> tuple[Column, ...]:
    """The columns that an endpoint's answers have in a warehouse, with their types.

    Args:
        connection: to the warehouse.
        endpoint: whose rows they are.

    Raises:
        CasebookError: if the warehouse lacks the mart, or a column that the endpoint needs.
    """
    none = {name: None for name, one in endpoint.parameters.items() if one.argument}
    try:
        found = connection.execute(f"describe from {_relation_sql(endpoint)}", none).fetchall()
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        kind = "table function" if endpoint.is_function else "mart"
        reason = f"the published build has no {kind} {endpoint.relation}"
        raise CasebookError(reason, fix=BUILD) from error
    types = {name: type_ for name, type_, *_ in found}
    needed = [one.column for one in endpoint.parameters.values() if one.column]
    needed += [name.lstrip("-") for name in (*endpoint.order, *endpoint.key)]
    if lacking := [name for name in dict.fromkeys(needed) if name not in types]:
        reason = f"{endpoint.relation} of the published build has no column {', '.join(lacking)}"
        raise CasebookError(reason, fix=f"{BUILD}, with this version of Casebook")
    about = endpoint.described
    return tuple(
        Column(name, type_, about.get(endpoint.columns.get(name, name), ""))
        for name, type_ in types.items()
    )


def _relation_sql(endpoint: Endpoint) -> str:
    relation = quote_relation(endpoint.relation)
    if not endpoint.is_function:
        return relation
    taken = (f"{quote_name(one.argument)} := ${name}" for name, one in endpoint.parameters.items())
    names = (
        f"{quote_name(column)} as {quote_name(name)}" for name, column in endpoint.columns.items()
    )
    return f"(select {', '.join(names) or '*'} from {relation}({', '.join(taken)}))"
