"""Endpoints as models declare them, beside themselves, under `config.meta.api`.

The build copies what models declare into the table `audit.declarations`. Address, validation,
paging and description of an endpoint follow from it, and the types of its columns from the
warehouse.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any

import duckdb
from pydantic import BaseModel, Field, ValidationError, create_model

from casebook.ask.parameters import (
    BOM,
    PAGING,
    Choices,
    InvalidRequestError,
    Parameter,
    Part,
    Problem,
)
from casebook.errors import CasebookError
from casebook.sql import quote_name, quote_relation

BUILD = "run `casebook build`"


class Intervals(Part):
    """The names of the parameters that cut a range into intervals, of which there are limits."""

    start: str
    end: str
    minutes: str
    most: int


class Endpoint(Part):
    """A mart, or a table function, and what may be requested of it.

    Rows are sorted by the columns of `order`, of which a minus turns one round, and then by those
    of `key`, which tells them apart; a table function without a key sorts its rows itself, and has
    no pages. `columns` names those of the answer after those of the relation; all by default.
    """

    relation: str
    is_function: bool
    described: dict[str, str]
    path: str
    title: str
    row: str
    about: str
    example: str
    parameters: dict[str, Parameter]
    key: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    columns: dict[str, str] = Field(default={})
    intervals: Intervals | None = None
    takes_body: bool = False

    @property
    def accepted(self) -> dict[str, Parameter]:
        """The parameters that it declares, and those of its pages and formats."""
        return self.parameters | (PAGING if self.key else {}) | {"bom": BOM}

    @property
    def name(self) -> str:
        """What its schemas are called: `MoviesGenreYears` for /movies/genre-years."""
        return "".join(part.capitalize() for part in re.findall(r"[A-Za-z0-9]+", self.path))

    @property
    def in_path(self) -> list[str]:
        """The parameters that stand in the address itself."""
        return [name for name in self.parameters if f"{{{name}}}" in self.path]

    @property
    def sorted_by(self) -> list[str]:
        """The columns that rows are sorted by; no two rows are equal in all of them."""
        first = [name.lstrip("-") for name in self.order]
        return [*self.order, *(name for name in self.key if name not in first)]

    @cached_property
    def request_model(self) -> type[BaseModel]:
        """The Pydantic model of its parameters; null is the same as not given."""
        fields: dict[str, Any] = {}
        for name, one in self.accepted.items():
            type_, _ = one.value_type()
            described = Field(... if one.required else None, alias=name, description=one.about)
            fields[f"field_{len(fields)}"] = (type_ if one.required else type_ | None, described)
        return create_model(f"{self.name}Request", **fields)


def read_endpoints(connection: duckdb.DuckDBPyConnection) -> dict[str, Endpoint]:
    """The endpoints that the models of a warehouse declare, by address.

    Raises:
        CasebookError: if one is not declared as it has to be.
    """
    try:
        found = connection.execute(
            "select name, relation, materialized = 'table_function', columns, meta -> 'api'"
            " from audit.declarations"
        ).fetchall()
    except duckdb.CatalogException:  # A warehouse of an earlier version.
        return {}
    relations = {name: relation for name, relation, *_ in found}
    endpoints = {}
    for name, relation, is_function, described, api in found:
        if api is None:
            continue
        declared = json.loads(api)
        for parameter in declared.get("parameters", {}).values():
            if choices := parameter.get("choices"):
                parameter["choices"] = _choices(connection, relations, Choices(**choices))
        declared |= {"relation": relation, "is_function": is_function}
        declared["described"] = json.loads(described)
        try:
            endpoint = Endpoint.model_validate(declared)
        except ValidationError as error:
            raise CasebookError(
                f"config.meta.api of the model {name}: {error}", fix="mend its YAML, and build"
            ) from error
        endpoints[endpoint.path] = endpoint
    return dict(sorted(endpoints.items()))


def read_values(endpoint: Endpoint, given: Mapping[str, object]) -> dict[str, Any]:
    """Validate all values that someone sends together, by name, and put in defaults.

    The command line and the HTTP API take and refuse the same.

    Raises:
        InvalidRequestError: if a value is missing or malformed, a name unknown, a range ends before
            it starts, or has too many intervals.
    """
    known = endpoint.accepted
    no_such = f"no such parameter; there are {', '.join(known)}"
    problems = [Problem(name, given[name], no_such) for name in given if name not in known]
    try:
        # Pydantic takes no names with halves of characters, which JSON can hold.
        sent = {name: value for name, value in given.items() if name in known}
        valid = endpoint.request_model.model_validate(sent).model_dump(by_alias=True)
    except ValidationError as error:
        wrong = dict.fromkeys(str(one["loc"][0]) for one in error.errors())
        problems += [Problem(n, given.get(n), known[n].value_type()[1]) for n in wrong]
        raise InvalidRequestError(problems) from error
    values = {name: value for name, value in valid.items() if value is not None}
    for name, one in endpoint.parameters.items():
        if one.default is not None:
            values.setdefault(name, Decimal(one.default))
        for last, other in endpoint.parameters.items():
            is_range = (one.column, one.compare, other.compare) == (other.column, ">=", "<=")
            if is_range and name in values and last in values and values[last] < values[name]:
                wanted = f"{values[name]} or more, which is {name}"
                problems.append(Problem(last, str(values[last]), wanted))
    if problems or (problems := _limit_intervals(endpoint, values)):
        raise InvalidRequestError(problems)
    return values


def _limit_intervals(endpoint: Endpoint, values: dict[str, Any]) -> list[Problem]:
    names = endpoint.intervals
    if names is None:
        return []
    start, end, minutes = values[names.start], values[names.end], values[names.minutes]
    if end <= start:
        return [Problem(names.end, str(end), f"a time after {names.start}, {start}")]
    least = -((start - end) // timedelta(minutes=names.most))
    if minutes < least:
        wanted = f"{least} or more for this range, as there may be {names.most:,} intervals"
        return [Problem(names.minutes, str(minutes), wanted)]
    # One interval is one interval, however much longer than the range it is.
    values[names.minutes] = min(minutes, -((start - end) // timedelta(minutes=1)))
    return []


def _choices(
    connection: duckdb.DuckDBPyConnection, relations: dict[str, str], choices: Choices
) -> tuple[str, ...]:
    try:
        found = connection.execute(
            f"select distinct {quote_name(choices.column)}"
            f" from {quote_relation(relations[choices.model])} where {choices.where} order by 1"
        )
    except (KeyError, duckdb.CatalogException):  # A build of some models only.
        return ()
    return tuple(str(value) for (value,) in found.fetchall())
