"""Endpoints as models declare them, beside themselves, under `config.meta.api`.

The build copies what models declare into the table `audit.declarations`. Address, validation,
paging and description of an endpoint follow from it, and the types of its columns from the
warehouse.
"""

from __future__ import annotations

import json
import re
from typing import Any, Literal

import duckdb
from pydantic import BaseModel, ConfigDict, ValidationError

from casebook.errors import CasebookError
from casebook.sql import quote_name

BUILD = "run `casebook build`"
LARGEST = 2**63 - 1


class Part(BaseModel):
    """A part of a declaration: nothing in it is left unread."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Choices(Part):
    """Values to choose from: those of a column of a model or seed, where a condition holds."""

    model: str
    column: str
    where: str = "true"


class Parameter(Part):
    """A parameter: it is compared with a mart's column, or is an argument of a table function.

    `least` and `most` are limits of numbers, `most` that of a text's characters, too; `places` are
    a decimal's. A filter that is not given takes all rows, an argument is null then, or `default`.
    """

    column: str = ""
    argument: str = ""
    kind: Literal["integer", "year", "decimal", "text", "time", "choice"] = "integer"
    least: int = -LARGEST - 1
    most: int | None = LARGEST
    places: int = 0
    choices: Choices | tuple[str, ...] = ()
    compare: Literal["=", ">=", "<="] = "="
    default: str | None = None
    required: bool = False
    about: str
    example: Any = None


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
    columns: dict[str, str] = {}
    intervals: Intervals | None = None
    takes_body: bool = False

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


def quote_relation(relation: str) -> str:
    """A relation, `schema.name`, quoted."""
    return ".".join(quote_name(part) for part in relation.split(".", 1))


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
