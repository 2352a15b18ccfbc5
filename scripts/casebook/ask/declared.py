"""Endpoints as models declare them, beside themselves, under `config.meta.api`.

The build copies what models declare into the table `audit.declarations`. Address, validation,
paging and description of an endpoint follow from it, and the types of its columns from the
warehouse.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, Literal

import duckdb
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
)

from casebook.errors import CasebookError
from casebook.sql import quote_name, quote_relation

BUILD = "run `casebook build`"
LARGEST = 2**63 - 1
MOST_ROWS, LONGEST_TEXT = 10_000, 1_000
DAY = (
    "([1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
)
TIME = f"^{DAY} ([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]$"


@dataclass(frozen=True)
class Problem:
    """Something wrong with a parameter: what was sent, if anything, and what is expected."""

    parameter: str
    sent: object
    expected: str


class InvalidRequestError(Exception):
    """A request that cannot be answered, with everything that is wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(problems)
        self.problems = problems


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

    @cached_property
    def validator(self) -> TypeAdapter[Any]:
        """What Pydantic validates its values by, and describes them."""
        return TypeAdapter(self.value_type()[0])

    def value_type(self) -> tuple[Any, str]:
        """The type of its values, and what they have to be, for people."""
        such = "" if self.example is None else f", such as {self.example}"
        match self.kind:
            case "text":
                most = min(self.most or LONGEST_TEXT, LONGEST_TEXT)
                text = Annotated[str, Field(min_length=1, max_length=most)]
                return text, f"a text of 1 to {most:,} characters{such}"
            case "choice":
                names: Any = self.choices
                return Literal[names or ("",)], f"one of {', '.join(names)}, or nothing"
            case "time":
                time = Annotated[str, Field(pattern=TIME), AfterValidator(datetime.fromisoformat)]
                return time, f"a time, written as {self.example}"
            case "decimal":
                schema = {"type": "number", "minimum": self.least, "maximum": self.most}
                schema |= {} if self.default is None else {"default": float(self.default)}
                limits = Field(ge=self.least, le=self.most, decimal_places=self.places)
                number = Annotated[
                    Decimal, limits, _spelled(r"\d+(\.\d+)?"), WithJsonSchema(schema)
                ]
                wanted = f"from {self.least} to {self.most} with {self.places} decimals at most"
                return number, f"a number {wanted}{such}"
        least, limit = (1, 9999) if self.kind == "year" else (self.least, self.most)
        whole = Annotated[int, Field(ge=least, le=limit), _spelled(r"-?\d+")]
        wanted = f"{least} or more" if limit is None else f"from {least} to {limit}"
        wanted = "of 64 bits" if least < -LARGEST else wanted
        return whole, f"a {'year' if self.kind == 'year' else 'whole number'}, {wanted}{such}"


PAGING = {
    "limit": Parameter(least=1, most=MOST_ROWS, about="How many rows a page has; all without it."),
    "offset": Parameter(least=0, about="How many rows come before the page."),
    "build": Parameter(
        kind="text", most=100, about="The build that other pages are from; 409 if it is another."
    ),
}
BOM = Parameter(
    kind="choice",
    choices=("true", "false"),
    about="`true` asks for CSV with a byte order mark, which spreadsheets read as UTF-8.",
)


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

    @cached_property
    def accepted(self) -> dict[str, Parameter]:
        """The parameters that it declares, and those of its pages and formats."""
        return self.parameters | (PAGING if self.key else {}) | {"bom": BOM}

    @property
    def name(self) -> str:
        """What its schemas are called: `MoviesGenreYears` for /movies/genre-years."""
        return "".join(part.capitalize() for part in re.findall(r"[A-Za-z0-9]+", self.path))


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
        try:
            endpoint = Endpoint(**declared, described=json.loads(described))
        except ValidationError as error:
            reason = f"config.meta.api of the model {name}: {error}"
            raise CasebookError(reason, fix="mend its YAML, and build") from error
        endpoints[endpoint.path] = endpoint
    return dict(sorted(endpoints.items()))


def read_values(endpoint: Endpoint, given: Mapping[str, object]) -> dict[str, Any]:
    """Validate all values that someone sends together, by name, and put in defaults.

    The command line and the HTTP API take and refuse the same.

    Raises:
        InvalidRequestError: if a value is missing or malformed, a name unknown, a range ends before
            it starts, or has too many intervals.
    """
    known, values = endpoint.accepted, dict[str, Any]()
    no_such = f"no such parameter; there are {', '.join(known)}"
    problems = [Problem(name, given[name], no_such) for name in given if name not in known]
    for name, one in known.items():
        sent = one.default if given.get(name) is None else given[name]
        try:
            if sent is not None or one.required:
                values[name] = one.validator.validate_python(sent)
        except ValidationError:
            problems.append(Problem(name, sent, one.value_type()[1]))
    starts = {one.column: name for name, one in endpoint.parameters.items() if one.compare == ">="}
    for last, one in endpoint.parameters.items():
        name = starts.get(one.column, last)
        if one.compare == "<=" and {name, last} <= set(values) and values[last] < values[name]:
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


def _spelled(pattern: str) -> BeforeValidator:
    """Takes numbers of one spelling, as Pydantic takes `1_000` and ` 1`; and those of JSON."""
    fits = re.compile(pattern, re.ASCII).fullmatch

    def validate(sent: object) -> object:
        if isinstance(sent, str) and fits(sent):
            # `int`, and Pydantic, refuse to read thousands of digits.
            return Decimal(sent)
        if isinstance(sent, int | float) and not isinstance(sent, bool):
            return sent
        raise ValueError

    return BeforeValidator(validate)
