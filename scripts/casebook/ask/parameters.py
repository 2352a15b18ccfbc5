"""Values that someone sends, validated by a Pydantic model for each endpoint.

The command line and the HTTP API take and refuse the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
    create_model,
)

from casebook.ask.declared import LARGEST, Endpoint, Parameter

MOST_ROWS = 10_000
LONGEST_TEXT = 1_000
WHOLE_NUMBER = re.compile(r"-?[0-9]+")
DECIMAL = re.compile(r"[0-9]+(\.[0-9]+)?")
TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
TIME_SCHEMA = {
    "type": "string",
    "pattern": "^(?!0000)[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    " ([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]$",
}

PAGING = {
    "limit": Parameter(least=1, most=MOST_ROWS, about="How many rows a page has; all without it."),
    "offset": Parameter(least=0, about="How many rows come before the page."),
    "build": Parameter(
        kind="text", most=100, about="The build that other pages are from; 409 if it is another."
    ),
}
BOM = {
    "bom": Parameter(
        kind="choice",
        choices=("true", "false"),
        about="`true` asks for CSV with a byte order mark, which spreadsheets read as UTF-8.",
    )
}


@dataclass(frozen=True)
class Problem:
    """Something wrong with a parameter: what was sent, if anything, and what is expected."""

    parameter: str
    sent: object
    expected: str


class InvalidRequestError(Exception):
    """A request that cannot be answered, with everything that is wrong with it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)


def all_parameters(endpoint: Endpoint) -> dict[str, Parameter]:
    """The parameters that an endpoint declares, and those of its pages and formats."""
    return endpoint.parameters | (PAGING if endpoint.key else {}) | BOM


def request_model(
    endpoint: Endpoint, names: Iterable[str], *, is_body: bool = False
) -> type[BaseModel]:
    """The Pydantic model of some parameters of an endpoint.

    Args:
        endpoint: the endpoint.
        names: those of its parameters that are sent together.
        is_body: whether they are sent as JSON, in which null is the same as not given.
    """
    fields: dict[str, Any] = {}
    for name in names:
        one = all_parameters(endpoint)[name]
        type_ = value_type(one, is_body=is_body)
        described = Field(
            default=... if one.required else None,
            alias=name,
            description=one.about,
        )
        fields[f"field_{len(fields)}"] = (
            type_ | None if is_body and not one.required else type_,
            described,
        )
    return create_model(f"{endpoint.name}Request", __config__=ConfigDict(extra="forbid"), **fields)


def value_type(one: Parameter, *, is_body: bool = False) -> Any:  # noqa: ANN401
    """The type of a parameter's value, with its limits, as Pydantic validates and describes it."""
    if one.kind == "text":
        longest = min(one.most or LONGEST_TEXT, LONGEST_TEXT)
        return Annotated[str, Field(min_length=1, max_length=longest)]
    if one.kind == "choice":
        return Literal[one.choices or ("",)]
    if one.kind == "time":
        return Annotated[datetime, BeforeValidator(_time), WithJsonSchema(TIME_SCHEMA)]
    limits = {"minimum": one.least, "maximum": one.most}
    if one.kind == "decimal":
        default = {} if one.default is None else {"default": float(one.default)}
        return Annotated[
            Decimal,
            BeforeValidator(_decimal),
            Field(ge=one.least, le=one.most, decimal_places=one.places),
            WithJsonSchema({"type": "number"} | limits | default),
        ]
    least, most = (1, 9999) if one.kind == "year" else (one.least, one.most)
    number = Annotated[int, BeforeValidator(_whole_number), Field(ge=least, le=most)]
    if not is_body:
        return number
    # A form sends numbers as texts.
    return Annotated[
        number,
        WithJsonSchema(
            {"type": ["integer", "string"], "minimum": least, "pattern": "^[0-9]*[1-9][0-9]*$"}
        ),
    ]


def expected(one: Parameter) -> str:
    """What a parameter's value has to be, for whoever sent something else."""
    such = "" if one.example is None else f", such as {one.example}"
    if one.kind == "text":
        return f"a text of 1 to {min(one.most or LARGEST, LONGEST_TEXT):,} characters{such}"
    if one.kind == "choice":
        return f"one of {', '.join(one.choices)}, or nothing"  # type: ignore[arg-type]
    if one.kind == "time":
        return f"a time, written as {one.example}"
    if one.kind == "decimal":
        limits = f"from {one.least} to {one.most} with {one.places} decimals at most"
        return f"a number {limits}{such}"
    if one.kind == "year":
        return f"a year from 1 to 9999{such}"
    if one.most is None:
        return f"a whole number, {one.least} or more{such}"
    limits = "of 64 bits" if one.least < -LARGEST else f"from {one.least} to {one.most}"
    return f"a whole number {limits}{such}"


def problems_of(errors: Iterable[Mapping[str, Any]], endpoint: Endpoint) -> list[Problem]:
    """What Pydantic or FastAPI found wrong, as problems with the parameters of an endpoint."""
    known, problems = all_parameters(endpoint), []
    for error in errors:
        name = next(str(part) for part in error["loc"] if part not in ("query", "path"))
        wanted = expected(known[name]) if name in known else _no_such(known)
        sent = None if error["type"] == "missing" else error["input"]
        problems.append(Problem(name, sent, wanted))
    return problems


def read_values(
    endpoint: Endpoint, given: Mapping[str, object], model: type[BaseModel]
) -> dict[str, Any]:
    """Validate all values that someone sends together, by name.

    Args:
        endpoint: the endpoint.
        given: the values.
        model: that of all its parameters, from `request_model`.

    Raises:
        InvalidRequestError: if a value is missing or malformed, a name unknown, or values do not
            fit each other.
    """
    known = all_parameters(endpoint)
    # Pydantic takes no names with halves of characters, which JSON can hold.
    problems = [Problem(name, given[name], _no_such(known)) for name in given if name not in known]
    sent = {name: value for name, value in given.items() if name in known}
    try:
        valid = model.model_validate(sent)
    except ValidationError as error:
        raise InvalidRequestError([*problems_of(error.errors(), endpoint), *problems]) from error
    if problems:
        raise InvalidRequestError(problems)
    return fitting(endpoint, valid.model_dump(by_alias=True))


def fitting(endpoint: Endpoint, given: Mapping[str, Any]) -> dict[str, Any]:
    """Values that are valid by themselves, checked against each other, with defaults.

    Raises:
        InvalidRequestError: if a range ends before it starts, or has too many intervals.
    """
    values = {name: value for name, value in given.items() if value is not None}
    problems = []
    for name, one in endpoint.parameters.items():
        if one.default is not None:
            values.setdefault(name, Decimal(one.default))
        for last, other in endpoint.parameters.items():
            is_range = (one.column, one.compare, other.compare) == (other.column, ">=", "<=")
            if is_range and name in values and last in values and values[last] < values[name]:
                wanted = f"{values[name]} or more, which is {name}"
                problems.append(Problem(last, str(values[last]), wanted))
    if endpoint.intervals:
        problems += _misfits(endpoint, values)
    if problems:
        raise InvalidRequestError(problems)
    return values


def _misfits(endpoint: Endpoint, values: dict[str, Any]) -> list[Problem]:
    names = endpoint.intervals
    assert names
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


def _no_such(known: Iterable[str]) -> str:
    return f"no such parameter; there are {', '.join(known)}"


def _whole_number(sent: object) -> object:
    if isinstance(sent, str) and WHOLE_NUMBER.fullmatch(sent):
        # Forty digits are beyond any limit; Python refuses to read thousands.
        digits = sent.lstrip("-").lstrip("0")[:40] or "0"
        return -int(digits) if sent.startswith("-") else int(digits)
    if isinstance(sent, int | float) and not isinstance(sent, bool):
        return sent
    raise ValueError


def _decimal(sent: object) -> Decimal:
    if isinstance(sent, str) and DECIMAL.fullmatch(sent):
        return Decimal(sent)
    raise ValueError


def _time(sent: object) -> datetime:
    if isinstance(sent, str) and TIME.fullmatch(sent):
        return datetime.strptime(sent, "%Y-%m-%d %H:%M:%S")
    raise ValueError
