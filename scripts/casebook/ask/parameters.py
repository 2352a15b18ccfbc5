"""A parameter as a model declares it: its kind, the values that it takes, what it has to be."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

LARGEST = 2**63 - 1
MOST_ROWS, LONGEST_TEXT = 10_000, 1_000
TIME_SCHEMA = {
    "type": "string",
    "pattern": "^(?!0000)[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    " ([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]$",
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

    def value_type(self) -> tuple[Any, str]:
        """The type that Pydantic validates its values by, and what they have to be, for people."""
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
                time = Annotated[datetime, _spelled(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", _time)]
                wanted = f"a time, written as {self.example}"
                return Annotated[time, WithJsonSchema(TIME_SCHEMA)], wanted
            case "decimal":
                schema = {"type": "number", "minimum": self.least, "maximum": self.most}
                schema |= {} if self.default is None else {"default": float(self.default)}
                limits = Field(ge=self.least, le=self.most, decimal_places=self.places)
                number = Annotated[Decimal, limits, _spelled(r"\d+(\.\d+)?", Decimal)]
                wanted = f"from {self.least} to {self.most} with {self.places} decimals at most"
                return Annotated[number, WithJsonSchema(schema)], f"a number {wanted}{such}"
        least, limit = (1, 9999) if self.kind == "year" else (self.least, self.most)
        whole = Annotated[int, Field(ge=least, le=limit), _spelled(r"-?\d+", _whole_number)]
        if self.kind == "year":
            return whole, f"a year from 1 to 9999{such}"
        wanted = "of 64 bits" if least < -LARGEST else f"from {least} to {limit}"
        if limit is None:
            wanted = f"{least} or more"
        return whole, f"a whole number, {wanted}{such}"


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


def _spelled(pattern: str, read: Callable[[str], object]) -> BeforeValidator:
    """Takes texts of one spelling, as Pydantic takes `1_000` and ` 1`; and numbers of JSON."""
    fits = re.compile(pattern, re.ASCII).fullmatch

    def validate(sent: object) -> object:
        if isinstance(sent, str) and fits(sent):
            return read(sent)
        if read is _whole_number and isinstance(sent, int | float) and not isinstance(sent, bool):
            return sent
        raise ValueError

    return BeforeValidator(validate)


def _whole_number(text: str) -> int:
    return int(Decimal(text))  # `int` refuses to read thousands of digits.


def _time(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S")
