"""Click-through rate by interval: what may be asked, and how the warehouse is asked.

The definition itself is SQL, the table function `storefront.ctr`; this module only checks what it
is given and passes it on. What a client sends is bound as a parameter and never becomes SQL text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from casebook.ask.parameters import BadQuestionError, Kind, Reader, one_of, text, whole_number
from casebook.ask.query import Column, Query

if TYPE_CHECKING:
    import duckdb

MOST_INTERVALS = 1_000_000
LONGEST_PRODUCT = 200

TIME_FORMAT = "%Y-%m-%d %H:%M:%S"
TIME_DIGITS = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
TIME_PATTERN = (
    "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01]) ([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]$"
)

COLUMNS = (
    Column("timestamp", "TIMESTAMP", "Start of the interval, in GMT−03:00.", is_required=True),
    Column("platform", "VARCHAR", is_required=True),
    Column("product", "VARCHAR", is_required=True),
    Column(
        "CTR", "DECIMAL(18,4)", "Written with four decimals, rounded half up; null without views."
    ),
)
ROWS_SQL = """
from (
    select
        interval_start_at as "timestamp",
        platform,
        product_id as product,
        ctr as "CTR"
    from storefront.ctr($start_at, $end_at, $minutes, product := $product, platform := $platform)
) as answer
"""


def _read_time(value: object) -> datetime | None:
    if not isinstance(value, str) or not TIME_DIGITS.fullmatch(value):
        return None
    try:
        return datetime.strptime(value, TIME_FORMAT)
    except ValueError:
        return None


TIME = Kind(
    "a time in GMT−03:00, written as 2016-01-03 13:55:00",
    {"type": "string", "pattern": TIME_PATTERN},
    _read_time,
)
MINUTES = whole_number("a whole number of minutes, 1 or more", least=1, most=None)
PRODUCT = text(
    "a product's code, such as 20008657_002, or nothing for all products", LONGEST_PRODUCT
)


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

    @property
    def query(self) -> Query:
        """Its SQL: rates sorted by interval, platform and product."""
        return Query(COLUMNS, ROWS_SQL, vars(self))


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
    reader = Reader(given)
    start_at = reader.take("startTimestamp", TIME, is_required=True)
    end_at = reader.take("endTimestamp", TIME, is_required=True)
    minutes = reader.take("aggregation", MINUTES, is_required=True)
    product = reader.take("product", PRODUCT)
    known = one_of(f"one of {', '.join(platforms)}, or nothing for all of them", platforms)
    platform = reader.take("platform", known)
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
