"""A stream of product views of an invented shop.

Views of a day are numbered from 0 in the order in which they were sent. What view number n says
follows from n, from its day and from how many views that day has, so that an order can be made of
any view without the views before it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from itertools import accumulate, islice
from random import Random

CHUNK = 4_000  # views that are held at once
HABITS = 4_999  # a prime, so that habits and days do not keep step

FIRST_DAY = date(2020, 2, 27)  # of five, with a leap day and the end of a month in them
OFFSET = -3  # of the shop's time from UTC, in hours
HOUR = 3_600_000  # in milliseconds
DAY = 24 * HOUR

# Views by hour of the day, in the shop's time.
RHYTHM = (5, 3, 2, 1, 1, 1, 2, 4, 6, 7, 8, 8, 9, 8, 7, 7, 8, 8, 9, 11, 13, 14, 12, 8)

MODELS = 90
COLOURS = (1, 2, 3, 17, 24, 25, 39, 48, 135, 592, 593, 825)
PRICES = ("39.9", "59.9", "79.9", "99.9", "129.9", "149.9", "189.9", "229.9", "299.9", "399.9")

# What a view says: its time, the price, the product; the time its message was sent, and ids of
# the message and of its batch.
View = tuple[str, str, str, str, int, str]


@dataclass(frozen=True)
class Day:
    """Product views of one day, in the order in which they were sent.

    Attributes:
        start_ms: when the day begins, as a Unix time; days are those of UTC.
        first_habit: at which of the habits the day begins.
        ends: for each hour, how many of the views were sent by its end.
    """

    start_ms: int
    first_habit: int
    ends: tuple[int, ...]

    @property
    def size(self) -> int:
        """How many views there are."""
        return self.ends[-1]


@dataclass(frozen=True)
class Habit:
    """What visitors do.

    Attributes:
        lag_ms: how much later the message is sent than the view happened.
        fraction: of a millisecond, as it stands behind the time; often none.
        price: of the product.
        product: the code of the product in its colour.
    """

    lag_ms: int
    fraction: str
    price: str
    product: str


def spread(day: date, views: int, *, visitors: int = 0) -> Day:
    """A number of views, spread over a day by how busy its hours are.

    Args:
        day: the day, in UTC.
        views: how many.
        visitors: days with other visitors have other views.
    """
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    busy = tuple(accumulate(RHYTHM[(hour + OFFSET) % 24] for hour in range(24)))
    return Day(
        int(midnight.timestamp()) * 1_000,
        (day.toordinal() * 1_009 + visitors * 613) % HABITS,
        tuple(views * so_far // busy[-1] for so_far in busy),
    )


def views_of(day: Day, start: int, stop: int) -> list[View]:
    """Views of a day.

    Args:
        day: the day.
        start: how many of its views to skip.
        stop: how many of its views come before the end; at most `start` + CHUNK.
    """
    habits = _repeated_habits()
    views: list[View] = []
    hour = bisect_right(day.ends, start)
    while start < stop:
        first = day.ends[hour - 1] if hour else 0
        count = day.ends[hour] - first
        end = min(stop, day.ends[hour])
        base = day.start_ms + hour * HOUR
        at = (day.first_habit + start) % HABITS
        views += [
            (
                f"{(sent := base + (number - first) * HOUR // count) - lag}{fraction}",
                price,
                product,
                f"{sent}{fraction}",
                sent * 1_000 + number % 1_000,
                f"{sent:x}-{number * 2_654_435_761 % 4_294_967_296:08x}",
            )
            for number, (lag, fraction, price, product) in enumerate(
                habits[at : at + end - start], start
            )
        ]
        start, hour = end, hour + 1
    return views


def further(view: View, number: int) -> tuple[str, str, str]:
    """Time, price and product of another view that the same visitor's device sends along.

    Args:
        view: the view.
        number: how many such views come before it, from 1.
    """
    sent, seed = int(view[3].partition(".")[0]), int(view[4])
    habit = _habits()[(seed + 1_871 * number) % HABITS]
    return f"{sent - habit.lag_ms}{habit.fraction}", habit.price, habit.product


@cache
def catalogue() -> tuple[tuple[str, str], ...]:
    """The shop's products, each with its price; the colours of a model side by side."""
    random = Random(20_200_227)
    products: list[tuple[str, str]] = []
    model = 20_001_000
    for _ in range(MODELS):
        model += 1 + int(160 * random.random())
        price = PRICES[int(len(PRICES) * random.random())]
        first = int(len(COLOURS) * random.random())
        for number in range(1 + int(4 * random.random())):
            colour = COLOURS[(first + 5 * number) % len(COLOURS)]
            products.append((f"{model}_{colour:03}", price))
    return tuple(products)


@cache
def _habits() -> tuple[Habit, ...]:
    return tuple(islice(_sessions(Random(2_020)), HABITS))


@cache
def _repeated_habits() -> list[tuple[int, str, str, str]]:
    """So often that CHUNK of them can be cut out from any of the first HABITS on."""
    habits = [(h.lag_ms, h.fraction, h.price, h.product) for h in _habits()]
    return habits * (CHUNK // HABITS + 2)


def _sessions(random: Random) -> Iterator[Habit]:
    """Visit after visit: a popular product, what lies beside it, then perhaps another one."""
    products = catalogue()
    # Few products are popular, and they stand anywhere in the catalogue.
    order = sorted(range(len(products)), key=lambda _: random.random())
    popular = list(accumulate(1_000 // (rank + 3) + 1 for rank in range(len(order))))
    while True:
        at = order[bisect_right(popular, int(popular[-1] * random.random()))]
        length = 1 + int(9 * random.random() * random.random())
        dwell = 4_000 + int(70_000 * random.random())
        for left in range(length, 0, -1):
            product, price = products[at]
            lag = (left - 1) * dwell + 40 + int(9_000 * random.random())
            digits = int(9_999 * random.random())
            # Four digits of which the last is not 0, which JSON readers would not keep.
            fraction = f".{digits // 10:03}{1 + digits % 9}" if random.random() < 0.6 else ""
            yield Habit(lag, fraction, price, product)
            if random.random() < 0.6:
                at = (at + 1) % len(products)
            else:
                at = order[bisect_right(popular, int(popular[-1] * random.random()))]
