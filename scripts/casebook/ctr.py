"""Click-through rate by interval: what may be asked, and how the warehouse is asked.

The definition itself is SQL, the table function `storefront.ctr`; this module only checks what it
is given and passes it on. What a client sends is bound as a parameter and never becomes SQL text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

COLUMNS = ("timestamp", "platform", "product", "CTR")
MOST_INTERVALS = 1_000_000
LONGEST_PRODUCT = 200
BATCH = 5_000

TIME_FORMAT = "%Y-%m-%d %H:%M:%S"
TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
WHOLE_NUMBER = re.compile(r"[0-9]+")

# Texts as they are to be shown: a decimal that passes through a double would lose its zeros.
QUERY = f"""
select
    strftime(interval_start_at, '{TIME_FORMAT}'),
    platform,
    product_id,
    cast(ctr as varchar)
from storefront.ctr($start_at, $end_at, $minutes, product := $product, platform := $platform)
"""

Row = tuple[str, str, str, str | None]


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


@dataclass(frozen=True)
class Question:
    """A question for click-through rates.

    Attributes:
        start_at: start of the range and of its first interval, in GMT−03:00.
        end_at: end of the range, which itself is not in it.
        minutes: length of an interval, in minutes.
        product: the one product to look at, or None for all.
        platform: the one platform to look at, or None for all.
    """

    start_at: datetime
    end_at: datetime
    minutes: int
    product: str | None = None
    platform: str | None = None


def read_question(given: Mapping[str, object], platforms: Sequence[str]) -> Question:
    """The question that someone asks by named values, all of them checked.

    Args:
        given: values by the names `startTimestamp`, `endTimestamp`, `aggregation`, `product` and
            `platform`; texts, or integers for `aggregation`. None is the same as not given.
        platforms: the platforms that have click-through rates.

    Raises:
        BadQuestionError: if a value is missing, malformed or unknown, the end is not after the
            start, there would be more than a million intervals, or a name is none of the above.
    """
    reader = _Reader(given)
    start_at = reader.time("startTimestamp")
    end_at = reader.time("endTimestamp")
    minutes = reader.minutes("aggregation")
    product = reader.product("product")
    platform = reader.one_of("platform", platforms)
    reader.no_others()
    if start_at and end_at:
        if end_at <= start_at:
            reader.expect("endTimestamp", f"a time after startTimestamp, {start_at}")
        elif minutes:
            length = end_at - start_at
            least = -(-length // timedelta(minutes=MOST_INTERVALS))
            if minutes < least:
                reader.expect(
                    "aggregation",
                    f"{least} or more for this range, as there may be {MOST_INTERVALS:,} intervals",
                )
            # One interval is one interval, however much longer than the range it is.
            minutes = min(minutes, -(-length // timedelta(minutes=1)))
    if reader.problems or not (start_at and end_at and minutes):
        raise BadQuestionError(reader.problems)
    return Question(start_at, end_at, minutes, product, platform)


def has_click_through_rates(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether the warehouse holds the table function `storefront.ctr`."""
    found = connection.execute(
        "select 1 from duckdb_functions() where schema_name = 'storefront'"
        " and function_name = 'ctr' and function_type = 'table_macro'"
    )
    return found.fetchone() is not None


def platforms_with_views(connection: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """The platforms that deliver product views, and so have click-through rates."""
    found = connection.execute(
        "select distinct platform from staging.platforms where delivers_product_views"
        " order by platform"
    )
    return tuple(platform for (platform,) in found.fetchall())


def ask(connection: duckdb.DuckDBPyConnection, question: Question) -> Iterator[list[Row]]:
    """Click-through rates, sorted by interval, platform and product.

    Args:
        connection: to the warehouse; it is busy until the last rows are fetched.
        question: what is asked.

    Yields:
        Up to 5,000 rows at a time: start of the interval, platform, product and rate, as texts.
    """
    answer = connection.execute(
        QUERY,
        {
            "start_at": question.start_at,
            "end_at": question.end_at,
            "minutes": question.minutes,
            "product": question.product,
            "platform": question.platform,
        },
    )
    while rows := answer.fetchmany(BATCH):
        yield rows


class _Reader:
    """Takes values one by one, and collects what is wrong with them."""

    def __init__(self, given: Mapping[str, object]) -> None:
        self.given = given
        self.problems: list[Problem] = []
        self.known: list[str] = []

    def expect(self, name: str, expected: str) -> None:
        self.problems.append(Problem(name, self.given.get(name), expected))

    def time(self, name: str) -> datetime | None:
        value = self._value(name)
        if isinstance(value, str) and TIME.fullmatch(value):
            try:
                return datetime.strptime(value, TIME_FORMAT)
            except ValueError:
                pass
        self.expect(name, "a time in GMT−03:00, written as 2016-01-03 13:55:00")
        return None

    def minutes(self, name: str) -> int | None:
        value = self._value(name)
        number = None
        if isinstance(value, str) and WHOLE_NUMBER.fullmatch(value):
            # Twenty digits are longer than any range; Python refuses to read thousands.
            number = int(value.lstrip("0")[:20] or 0)
        elif isinstance(value, int) and not isinstance(value, bool):
            number = value
        elif isinstance(value, float) and value.is_integer():
            number = int(value)
        if number is not None and number >= 1:
            return number
        self.expect(name, "a whole number of minutes, 1 or more")
        return None

    def product(self, name: str) -> str | None:
        value = self._value(name)
        if value is None:
            return None
        if isinstance(value, str) and 1 <= len(value) <= LONGEST_PRODUCT and _is_text(value):
            return value
        self.expect(name, "a product's code, such as 20008657_002, or nothing for all products")
        return None

    def one_of(self, name: str, known: Sequence[str]) -> str | None:
        value = self._value(name)
        if value is None:
            return None
        if isinstance(value, str) and value in known:
            return value
        self.expect(name, f"one of {', '.join(known)}, or nothing for all of them")
        return None

    def no_others(self) -> None:
        for name in self.given:
            if name not in self.known:
                self.expect(name, f"no such parameter; there are {', '.join(self.known)}")

    def _value(self, name: str) -> object:
        self.known.append(name)
        return self.given.get(name)


def _is_text(value: str) -> bool:
    """Whether it can be written as UTF-8: JSON can hold halves of characters."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
