"""Named values that someone sends: how each kind is read, and what is said of those that are wrong.

The command line and the HTTP API read with the same kinds, so that they take and refuse the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Generic, TypeVar

Value = TypeVar("Value")

SMALLEST, LARGEST = -(2**63), 2**63 - 1
WHOLE_NUMBER = re.compile(r"-?[0-9]+")


@dataclass(frozen=True)
class Problem:
    """Something wrong with one parameter.

    Attributes:
        parameter: its name.
        sent: the value that was given; None where there was none.
        expected: what it has to be.
    """

    parameter: str
    sent: object
    expected: str

    def __str__(self) -> str:
        given = "is missing" if self.sent is None else f"was {self.sent!r}"
        return f"{self.parameter} {given}; expected: {self.expected}"


class BadQuestionError(Exception):
    """A question that cannot be answered, with everything that is wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(map(str, problems)))


@dataclass(frozen=True, eq=False)
class Kind(Generic[Value]):
    """What the value of a parameter may be.

    Attributes:
        expected: what it has to be, for whoever sent something else.
        schema: the same as JSON Schema.
        read: the value of what was sent, a text or a value of JSON; None where it is none of these.
    """

    expected: str
    schema: Mapping[str, Any]
    read: Callable[[object], Value | None]


def whole_number(expected: str, least: int = SMALLEST, most: int | None = LARGEST) -> Kind[int]:
    """Whole numbers from `least` to `most`, or without an end."""

    def read(value: object) -> int | None:
        number = None
        if isinstance(value, str) and WHOLE_NUMBER.fullmatch(value):
            # Twenty digits are beyond any limit; Python refuses to read thousands.
            digits = value.lstrip("-").lstrip("0")[:20] or "0"
            number = int(f"-{digits}" if value.startswith("-") else digits)
        elif isinstance(value, int) and not isinstance(value, bool):
            number = value
        elif isinstance(value, float) and value.is_integer():
            number = int(value)
        if number is None or number < least or (most is not None and number > most):
            return None
        return number

    schema: dict[str, Any] = {"type": "integer", "minimum": least}
    if most is not None:
        schema["maximum"] = most
    return Kind(expected, schema, read)


def decimal_number(expected: str, least: int, most: int, places: int) -> Kind[Decimal]:
    """Decimal numbers from `least`, 0 or more, to `most`, with so many places at most."""
    pattern = re.compile(rf"[0-9]+(\.[0-9]{{1,{places}}})?")

    def read(value: object) -> Decimal | None:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            return None
        number = Decimal(value)
        return number if least <= number <= most else None

    return Kind(expected, {"type": "number", "minimum": least, "maximum": most}, read)


def text(expected: str, longest: int) -> Kind[str]:
    """Texts of one character or more."""

    def read(value: object) -> str | None:
        fits = isinstance(value, str) and 1 <= len(value) <= longest and _is_utf8(value)
        return value if fits else None

    return Kind(expected, {"type": "string", "minLength": 1, "maxLength": longest}, read)


def one_of(expected: str, known: Sequence[str]) -> Kind[str]:
    """One of the texts that are known."""

    def read(value: object) -> str | None:
        return value if isinstance(value, str) and value in known else None

    return Kind(expected, {"type": "string", "enum": list(known)}, read)


class Reader:
    """Takes values one by one, and collects what is wrong with them.

    Args:
        given: values by name; None is the same as not given.
    """

    def __init__(self, given: Mapping[str, object]) -> None:
        self.given = given
        self.problems: list[Problem] = []
        self.known: list[str] = []

    def take(self, name: str, kind: Kind[Value], *, is_required: bool = False) -> Value | None:
        """A value; None where it is not given, or where there is now a problem with it."""
        self.known.append(name)
        sent = self.given.get(name)
        if sent is None and not is_required:
            return None
        value = None if sent is None else kind.read(sent)
        if value is None:
            self.expect(name, kind.expected)
        return value

    def expect(self, name: str, expected: str) -> None:
        """Something is wrong with a value."""
        self.problems.append(Problem(name, self.given.get(name), expected))

    def no_others(self) -> None:
        """Names that were not asked for are wrong, too."""
        for name in self.given:
            if name not in self.known:
                self.expect(name, f"no such parameter; there are {', '.join(self.known)}")


def _is_utf8(value: str) -> bool:
    """Whether it can be written as UTF-8: JSON can hold halves of characters."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
