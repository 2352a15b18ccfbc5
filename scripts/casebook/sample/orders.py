"""The storefront's raw files of orders and order items: one of each a day, and what comes later.

What happens to an order is its story: which rows tell of it and of its items, in which files, and
what becomes of each. Stories do not bear on one another. They are told once, for scale 1; at scale
N each is told N times, of N orders, and a scale that is no whole number leaves whole stories out.

An order is made of a product view of its day, with which its time and its first item agree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import islice
from math import ceil
from operator import itemgetter
from pathlib import Path
from random import Random

from casebook.sample import product_events
from casebook.sample.files import copy_file, open_file
from casebook.sample.report import TableReport
from casebook.sample.views import OFFSET, Day, View, spread, views_of

FOLDER = "storefront"
FIRST_ORDER, FIRST_ITEM = 500_001, 900_001
CHUNK = 1_000  # rows that are written at once
HABITS = 997  # a prime, so that habits and stories do not keep step

ORDER_COLUMNS = (
    "id",
    "user_id",
    "order_date",
    "order_subtotal",
    "order_discount",
    "order_total",
    "order_status",
    "payment_type",
    "shipping_cost",
    "shipping_service",
    "address_city",
    "address_state",
    "utm_source_medium",
    "device_type",
)
ITEM_COLUMNS = ("id", "order_id", "sku", "quantity", "code_color")

Values = Mapping[str, str]


@dataclass(frozen=True)
class Layout:
    """How rows stand in a file.

    Attributes:
        columns: the columns, in their order; those that a row does not have are empty.
        header: how the header spells some of them.
        delimiter: the character between two fields.
        newline: what ends a line.
        opening: text before the header.
        quotes_all: whether every field stands in quotes.
    """

    columns: tuple[str, ...]
    header: Mapping[str, str] = field(default_factory=dict)
    delimiter: str = ","
    newline: str = "\n"
    opening: str = ""
    quotes_all: bool = False

    def fields(self, values: Values) -> list[str]:
        """The fields of a row as they stand in the file."""
        return [self._spell(values.get(column, "")) for column in self.columns]

    def first_line(self) -> str:
        """The header, with what stands before it."""
        names = [self._spell(self.header.get(column, column)) for column in self.columns]
        return self.opening + self.delimiter.join(names) + self.newline

    def _spell(self, text: str) -> str:
        if self.quotes_all or any(c in text for c in (self.delimiter, '"', "\n")):
            return '"' + text.replace('"', '""') + '"'
        return text


@dataclass(frozen=True)
class Delivery:
    """A file of orders or of order items.

    Attributes:
        name: its path below the source's folder.
        layout: how its rows stand in it.
        again: a path at which the same bytes are delivered once more, if any.
    """

    name: str
    layout: Layout
    again: str = ""


BOM = "\ufeff"
OTHER_NAMES = {"order_status": "status", "device_type": "device"}
OTHER_CASE = {"id": "ID", "order_date": "Order_Date", "order_status": "STATUS"}
WITH_COUPON = ("order_date", "id", "coupon", *ORDER_COLUMNS[3:], "user_id")

# In file order: those of the five days, then what was changed or came later.
ORDERS = (
    Delivery("orders/2020/orders_2020-02-27.csv", Layout(ORDER_COLUMNS)),
    Delivery(
        "orders/2020/orders_2020-02-28.csv", Layout(ORDER_COLUMNS, OTHER_NAMES, delimiter=";")
    ),
    Delivery(
        "orders/2020/orders_2020-02-29.csv", Layout(ORDER_COLUMNS, newline="\r\n", opening=BOM)
    ),
    Delivery("orders/2020/orders_2020-03-01.csv.gz", Layout(WITH_COUPON, OTHER_CASE)),
    Delivery("orders/2020/orders_2020-03-02.tsv", Layout(ORDER_COLUMNS, delimiter="\t")),
    Delivery(
        "orders/2020/orders_2020-03-04_changed.csv",
        Layout(ORDER_COLUMNS, OTHER_NAMES, quotes_all=True),
    ),
)
ITEMS = (
    Delivery("order_items/order_items_2020-02-27.csv", Layout(ITEM_COLUMNS)),
    Delivery("order_items/order_items_2020-02-28.csv", Layout(ITEM_COLUMNS, delimiter=";")),
    Delivery(
        "order_items/order_items_2020-02-29.csv",
        Layout(ITEM_COLUMNS, newline="\r\n"),
        again="order_items/order_items_2020-02-29 (1).csv",
    ),
    Delivery("order_items/order_items_2020-03-01.csv.gz", Layout(ITEM_COLUMNS, quotes_all=True)),
    Delivery(
        "order_items/order_items_2020-03-02.csv", Layout(tuple(reversed(ITEM_COLUMNS)), opening=BOM)
    ),
    Delivery("order_items/order_items_2020-03-04_changed.txt", Layout(ITEM_COLUMNS, delimiter="|")),
)
LATER = 5
FILES = tuple(
    f"{FOLDER}/{name}" for file in (*ORDERS, *ITEMS) for name in (file.name, file.again) if name
)

# Makes a value of the one that the row has otherwise.
Change = Callable[[str], str]
# Makes of a row's fields, as they stand in the file, others; given the place of one without quotes.
Spoil = Callable[[list[str], int], list[str]]


@dataclass(frozen=True)
class Row:
    """A row of a story.

    Attributes:
        file: its place in ORDERS or ITEMS.
        outcome: `quarantined`, `rejected`, or which record more the accounting shows. An item that
            is `kept` is an orphan if its order is not.
        detail: the reason, or what is odd about it.
        changes: values that differ from the order's or the item's own.
        spoil: makes its fields unreadable.
        records: how many records a loader finds in it.
    """

    file: int
    outcome: str = "kept"
    detail: str = ""
    changes: Mapping[str, str | Change] = field(default_factory=dict)
    spoil: Spoil | None = None
    records: int = 1


@dataclass(frozen=True)
class Story:
    """What becomes of an order.

    Attributes:
        place: how many stories come before it.
        number: how many of those are of the same day.
        first_item: how many items orders of the same day have before it.
        file: the file of messages from which the view is that it is made of.
        view: which of that file's views, at scale 1.
        device: as the order spells it.
        orders: the rows that tell of it.
        items: for each of its items, the rows that tell of that.
    """

    place: int
    number: int
    first_item: int
    file: product_events.Delivery
    view: int
    device: str
    orders: tuple[Row, ...]
    items: tuple[tuple[Row, ...], ...]

    @property
    def accepted(self) -> Row | None:
        """The row of the order that is kept."""
        return next((row for row in self.orders if row.outcome == "kept"), None)


@dataclass(frozen=True)
class Habit:
    """What buyers do.

    Attributes:
        seconds: how long after the view they order.
        buyer: who orders.
        status: how far the order is.
        percent: what is taken off.
        shipping: what that costs, in cents.
        others: values that are the same in every row of the order.
        quantities: how much of each item.
    """

    seconds: int
    buyer: int
    status: str
    percent: int
    shipping: int
    others: Values
    quantities: tuple[int, ...]


def _two_short(fields: list[str], at: int) -> list[str]:
    return fields[:-2]


def _one_more(fields: list[str], at: int) -> list[str]:
    return [*fields, "1"]


def _one_text(fields: list[str], at: int) -> list[str]:
    return [f"-- {len(fields)} columns --"]


def _broken_line(fields: list[str], at: int) -> list[str]:
    """A newline that should stand in quotes; the part on each side of it is a record."""
    return [*fields[:at], f"{fields[at][:3]}\n{fields[at][3:]}", *fields[at + 1 :]]


def _open_quote(fields: list[str], at: int) -> list[str]:
    """The next quote in the file opens a field, so that text follows it."""
    return [*fields[:at], f'"{fields[at]}', *fields[at + 1 :]]


def _bad_byte(fields: list[str], at: int) -> list[str]:
    """A byte that is not UTF-8, as half of a surrogate pair."""
    return [*fields[:at], f"{fields[at]} n\udce3o", *fields[at + 1 :]]


def _unreadable(file: int, reason: str, spoil: Spoil, records: int = 1) -> Row:
    return Row(file, "quarantined", reason, spoil=spoil, records=records)


def _rejected(file: int, reason: str, **changes: str | Change) -> Row:
    return Row(file, "rejected", reason, changes)


FIELDS, BYTES, QUOTE = "wrong_field_count", "bad_bytes", "text_after_quote"
NO_DATE = "order_date not a timestamp"
PENDING, SHIPPED, CANCELED = (
    {"order_status": "pending"},
    {"order_status": "shipped"},
    {"order_status": "canceled"},
)
QUOTED = {"utm_source_medium": 'news "fevereiro", b / email'}


def _order_stories(day: int) -> tuple[tuple[Row, ...], ...]:
    """The rows of each order to which something happens, in file order."""
    kept, later = Row(day), Row(LATER)
    return (
        (Row(day, "superseded", changes=PENDING), later),
        (Row(day, "duplicate"), kept),
        (_unreadable(day, FIELDS, _broken_line, 2),),
        (Row(day + 1, detail="after_its_items"),),
        (_rejected(day, NO_DATE, order_date="2020-02-30 10:00:00"),),
        (Row(day, "superseded", changes=PENDING), Row(LATER, changes=CANCELED)),
        (Row(day, detail="quoted_delimiter", changes=QUOTED),),
        (),  # never delivered
        (Row(day, "duplicate"), later),
        (_rejected(day, "id not an integer", id="A-{}".format),),
        (_unreadable(day, QUOTE, _open_quote), Row(day, changes=QUOTED)),
        (Row(day, changes={"device_type": "SmartTV"}),),
        (
            Row(day, "superseded", changes=PENDING),
            Row(day + 1, "superseded", changes=SHIPPED),
            later,
        ),
        (_unreadable(day, FIELDS, _two_short), later),
        (_rejected(day, "order_date missing", order_date=""), later),
        (
            Row(day, "duplicate", changes={"id": "+{}".format, "order_date": _with_t}),
            Row(day, changes={"order_total": "{}0".format}),
        ),
        (_unreadable(day, BYTES, _bad_byte),),
        (Row(day, "duplicate"), Row(day, "superseded", changes=CANCELED), later),
        (_rejected(day, "order_total not a number", order_total="R$ 189,90"), kept),
        (Row(day, detail="newline_in_quotes", changes={"address_city": "Rio de\nJaneiro"}),),
        (_rejected(day, NO_DATE, order_date="29/02/2020 10:15"), later),
        (Row(day, changes={"device_type": "kiosk 7"}),),
        (kept, _rejected(LATER, "user_id not an integer", user_id="guest")),
        (Row(LATER, detail="after_its_items"),),
        (_unreadable(day, FIELDS, _one_more), later),
        (
            Row(day, "superseded", changes=SHIPPED),
            Row(LATER, "superseded", changes=PENDING),
            Row(LATER, changes=SHIPPED | {"user_id": ""}),
        ),
        (_rejected(day, "id missing", id=""),),
        (_rejected(day, "device_type not a device", device_type="  "),),
        (_unreadable(day, FIELDS, _one_text), kept),
        (_rejected(day, f"id not an integer; {NO_DATE}", id="{}.0".format, order_date="-"), kept),
        (_rejected(day, "order_status missing", order_status=""), later),
        (_rejected(day, "device_type missing", device_type=""), later),
        (Row(day, "superseded", changes={"device_type": "SmartTV"}), kept),
    )


def _item_stories(day: int) -> tuple[tuple[Row, ...], ...]:
    """The rows of an item to which something happens, its order being accepted."""
    kept, later = Row(day), Row(LATER)
    # Where every field stands in quotes, what follows those is another error.
    is_quoted = ITEMS[day].layout.quotes_all
    broken = _unreadable(day, FIELDS, *((_two_short,) if is_quoted else (_broken_line, 2)))
    return (
        (Row(day, "duplicate"), kept),
        (_rejected(day, "code_color missing", code_color=""),),
        (broken,),
        (Row(day, "superseded", changes={"quantity": "9"}), later),
        (_rejected(day, "id not an integer", id="{}.0".format),),
        (Row(day, "duplicate"), later),
        (_rejected(day, "order_id not an integer", order_id="#{}".format),),
        (
            Row(day, "duplicate", changes={"id": " {}".format}),
            Row(day, changes={"order_id": "+{}".format}),
        ),
        (_unreadable(day, FIELDS, _one_more), kept),
        (_rejected(day, "quantity not an integer", quantity="two"), later),
        (Row(LATER, detail="later_than_its_order"),),
        (_rejected(day, "code_color not a product", code_color="  "),),
        (_unreadable(day, QUOTE if is_quoted else BYTES, _bad_byte), later),
        (Row(day, detail="no_quantity", changes={"quantity": ""}),),
        (_rejected(day, "id missing; code_color missing", id="", code_color=""), kept),
        (Row(day, "duplicate"), Row(day, "superseded", changes={"quantity": "3"}), kept),
        (_rejected(day, "order_id missing", order_id=""), kept),
        (_unreadable(day, FIELDS, _one_text), kept),
    )


def _with_t(text: str) -> str:
    return text.replace(" ", "T")


# Per platform on which they view products: how each order that is made there spells its device,
# and how many there are a day. The site is looked at on a desktop, too.
DEVICES = {
    "Android": ("Android", "android", "Android", "ANDROID", "Android", "Android", "Android"),
    "MobileWeb": (
        *("MobileWeb", "MobileWeb", "Desktop", "mobile_web", "MobileWeb", "MobileWeb"),
        *("MobileWeb", "Mobile Web", "Tablet", "MobileWeb", "MobileWeb", "Desktop", "MobileWeb"),
        *("mobileweb", "MobileWeb"),
    ),
    "iOS": ("iOS", "iPhone", "iOS", "iOS", "ipad", "iOS", "iOS", "iOS", "IOS", "iPhone"),
}
WITH_VIEWS = ("android", "ios", "ipad", "iphone", "mobile web", "mobile_web", "mobileweb")
STATES = (*("complete",) * 14, "shipped", "shipped", "canceled", "pending")
CITIES = (
    ("São Paulo", "SP"),
    ("São Paulo", "SP"),
    ("Rio de Janeiro", "RJ"),
    ("Curitiba", "PR"),
    ("Santa Bárbara d'Oeste", "SP"),
    ("Brasília, Asa Sul", "DF"),
)
CAMPAIGNS = ("", "google / cpc", "google / cpc", "(direct) / (none)", "newsletter; fev / email")
SIZES = ("M", "G", "P", "U", "36", "38")
STATUS, SKU = 6, 2  # columns without quotes, in whatever order the columns stand
ITEM_COUNTS = (1, 1, 2, 1, 1, 3, 1, 2, 1, 1, 2, 1, 4, 1, 2, 1)


def count_records(scale: float) -> int:
    """How many records `write` writes.

    Args:
        scale: how many times the base number of records.
    """
    return sum(table.records for table in _report(_stories(), scale))


def write(out_dir: Path, scale: float, advance: Callable[[int], None]) -> list[TableReport]:
    """Write the raw files of orders and of order items.

    Args:
        out_dir: the folder that is laid out like `raw/`.
        scale: how many times the base number of records.
        advance: called with a number of records whenever as many more have been written.

    Returns:
        What was planted in `storefront.orders` and in `storefront.order_items`.
    """
    shop = _Shop(_stories(), scale)
    for files, rows_of in ((ORDERS, _order_rows), (ITEMS, _item_rows)):
        for place, file in enumerate(files):
            rows = [row for story in shop.stories for row in rows_of(story) if row[1].file == place]
            _write_file(out_dir, file, shop, rows, advance)
    return _report(shop.stories, scale)


# A row, the story that it belongs to, and which of the order's items it tells of, if any.
Told = tuple[Story, Row, int | None]


def _order_rows(story: Story) -> list[Told]:
    return [(story, row, None) for row in story.orders]


def _item_rows(story: Story) -> list[Told]:
    return [(story, row, item) for item, rows in enumerate(story.items) for row in rows]


def _stories() -> list[Story]:
    """What becomes of each order of scale 1, day by day, in the order of their views."""
    stories: list[Story] = []
    plans = product_events.plan_files()
    for day, sent_on in enumerate(product_events.DAYS):
        made = [
            (view / file.messages, file, view, device)
            for platform, devices in DEVICES.items()
            for file, views in [_views(platform, sent_on, plans)]
            for view, device in zip(_evenly(views, len(devices)), devices, strict=True)
        ]
        made.sort(key=itemgetter(0))
        first_item = 0
        for number, (_, file, view, device) in enumerate(made):
            place = len(stories)
            orders, items = _fate(place, day)
            stories.append(Story(place, number, first_item, file, view, device, orders, items))
            first_item += len(items)
    return stories


def _fate(place: int, day: int) -> tuple[tuple[Row, ...], tuple[tuple[Row, ...], ...]]:
    """What becomes of the order of a story and of its items: of every third order, something, and
    of the first item of every sixth."""
    kept = (Row(day),)
    items = (kept,) * ITEM_COUNTS[place % len(ITEM_COUNTS)]
    turn, kind = divmod(place, 3)
    if kind == 1:
        special = _order_stories(day)
        return special[turn % len(special)], items
    if kind == 2 and turn % 2:
        special = _item_stories(day)
        return kept, (special[turn // 2 % len(special)], *items[1:])
    return kept, items


def _views(
    platform: str, sent_on: date, plans: list[dict[int, product_events.Shape]]
) -> tuple[product_events.Delivery, list[int]]:
    """A platform's file of a day, and which of its messages are plain, with others after them."""
    for file, plan in zip(product_events.DELIVERIES, plans, strict=True):
        if (file.platform, file.day) == (platform, sent_on):
            last = file.messages - max(ITEM_COUNTS)
            return file, [view for view in range(last) if view not in plan]
    raise LookupError(f"no messages of {platform} on {sent_on}")


def _evenly(views: list[int], count: int) -> list[int]:
    return [views[(2 * number + 1) * len(views) // (2 * count)] for number in range(count)]


class _Shop:
    """Orders at a scale.

    Args:
        stories: what becomes of each order of scale 1.
        scale: how many times the stories are told.
    """

    def __init__(self, stories: list[Story], scale: float) -> None:
        self.stories, self.scale, self.repetitions = stories, scale, ceil(scale)
        self._days: dict[str, Day] = {}
        self._before: dict[date, tuple[int, int]] = {}  # orders and items of the days before
        self._of_day: dict[date, tuple[int, int]] = {}
        orders = items = 0
        for day in product_events.DAYS:
            last = max((s for s in stories if s.file.day == day), key=lambda s: s.number)
            self._before[day] = orders, items
            self._of_day[day] = last.number + 1, last.first_item + len(last.items)
            orders += self._of_day[day][0] * self.repetitions
            items += self._of_day[day][1] * self.repetitions
        self._habits = _habits()

    def order(self, story: Story, repetition: int) -> Values:
        """The values of an order."""
        habit, views = self._habit(story, repetition), self._views(story, repetition)
        seconds = int(views[0][0].partition(".")[0]) // 1_000 + habit.seconds + OFFSET * 3_600
        cents = sum(
            quantity * int(view[1].replace(".", "")) * 10
            for quantity, view in zip(habit.quantities, views, strict=False)
        )
        off = cents * habit.percent // 100
        return {
            "id": str(self._order_id(story, repetition)),
            "user_id": str(habit.buyer),
            "order_date": str(datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)),
            "order_subtotal": _money(cents),
            "order_discount": _money(off),
            "order_total": _money(cents - off + habit.shipping),
            "order_status": habit.status if len(story.orders) == 1 else "complete",
            "shipping_cost": _money(habit.shipping),
            "device_type": story.device,
            **habit.others,
        }

    def item(self, story: Story, repetition: int, number: int) -> Values:
        """The values of an item of an order."""
        product = self._views(story, repetition)[number][2]
        before, of_day = self._before[story.file.day][1], self._of_day[story.file.day][1]
        item_id = FIRST_ITEM + before + of_day * repetition + story.first_item + number
        return {
            "id": str(item_id),
            "order_id": str(self._order_id(story, repetition)),
            "sku": f"{product.replace('_', '-')}-{SIZES[item_id % len(SIZES)]}",
            "quantity": str(self._habit(story, repetition).quantities[number]),
            "code_color": product,
        }

    def _order_id(self, story: Story, repetition: int) -> int:
        before, of_day = self._before[story.file.day][0], self._of_day[story.file.day][0]
        return FIRST_ORDER + before + of_day * repetition + story.number

    def _habit(self, story: Story, repetition: int) -> Habit:
        return self._habits[(repetition * len(self.stories) + story.place) % HABITS]

    def _views(self, story: Story, repetition: int) -> list[View]:
        """The views of what is ordered, of which the first is that which the order is made of."""
        file = story.file
        if file.name not in self._days:
            views = file.messages * self.repetitions
            self._days[file.name] = spread(file.day, views, visitors=file.visitors)
        start = repetition * file.messages + story.view
        return views_of(self._days[file.name], start, start + len(story.items))


def _uses(story: Story, stories: list[Story], scale: float) -> int:
    """How often a story is told; what a scale that is no whole number leaves out lies scattered."""
    whole, rest = divmod(scale, 1)
    return int(whole) + (story.place * 37 % len(stories) < round(rest * len(stories)))


def _write_file(
    out_dir: Path, file: Delivery, shop: _Shop, rows: list[Told], advance: Callable[[int], None]
) -> None:
    path = out_dir / FOLDER / file.name
    records = 0
    with open_file(path) as raw:
        raw.write(file.layout.first_line().encode())
        lines = _lines(file.layout, shop, rows)
        while chunk := list(islice(lines, CHUNK)):
            raw.write("".join(line for line, _ in chunk).encode("utf-8", "surrogateescape"))
            advance(sum(count for _, count in chunk))
            records += sum(count for _, count in chunk)
    if file.again:
        copy_file(path, out_dir / FOLDER / file.again)
        advance(records)


def _lines(layout: Layout, shop: _Shop, rows: list[Told]) -> Iterator[tuple[str, int]]:
    """The lines of a file, each with the number of records in it."""
    uses = {story.place: _uses(story, shop.stories, shop.scale) for story in shop.stories}
    for repetition in range(shop.repetitions):
        for story, row, item in rows:
            if repetition >= uses[story.place]:
                continue
            if item is None:
                values = shop.order(story, repetition)
            else:
                values = shop.item(story, repetition, item)
            fields = layout.fields(_changed(values, row.changes))
            if row.spoil:
                fields = row.spoil(fields, STATUS if item is None else SKU)
            yield layout.delimiter.join(fields) + layout.newline, row.records


def _changed(values: Values, changes: Mapping[str, str | Change]) -> Values:
    if not changes:
        return values
    others = {
        column: change if isinstance(change, str) else change(values[column])
        for column, change in changes.items()
    }
    return {**values, **others}


def _report(stories: list[Story], scale: float) -> list[TableReport]:
    orders = TableReport("storefront", "orders", files=_count_files(ORDERS))
    items = TableReport("storefront", "order_items", files=_count_files(ITEMS))
    for story in stories:
        uses, device = _uses(story, stories, scale), _device(story)
        for row in story.orders:
            orders.records += uses * row.records
            orders.count(row.outcome, row.detail, uses * row.records)
        if device is not None and device not in (*WITH_VIEWS, "desktop"):
            orders.notes["unknown_device"] += uses
        for row in (row for rows in story.items for row in rows):
            is_orphan = row.outcome == "kept" and device is None
            outcome = "rejected" if is_orphan else row.outcome
            detail = "order_id orphan order item" if is_orphan else row.detail
            items.records += uses * row.records
            items.count(outcome, detail, uses * row.records)
            if ITEMS[row.file].again:  # of two equal items, the build keeps or rejects one
                lost = "duplicate" if row.outcome == "kept" else outcome
                items.records += uses * row.records
                items.count(lost, "" if lost == "duplicate" else detail, uses * row.records)
            if outcome == "kept" and device not in WITH_VIEWS:
                items.notes["platform_without_views"] += uses
    return [orders, items]


def _device(story: Story) -> str | None:
    """The device of the order as it is kept, in lower case; None if it is not."""
    if story.accepted is None:
        return None
    return str(story.accepted.changes.get("device_type", story.device)).strip().lower()


def _count_files(files: tuple[Delivery, ...]) -> int:
    return sum(2 if file.again else 1 for file in files)


def _money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02}"


def _habits() -> list[Habit]:
    random = Random(1_582)

    def one_of(values: tuple[str, ...]) -> str:
        return values[int(len(values) * random.random())]

    habits = []
    for _ in range(HABITS):
        city, state = CITIES[int(len(CITIES) * random.random())]
        others = {
            "payment_type": one_of(("boleto", "credit_card")),
            "shipping_service": one_of(("SEDEX", "PAC")),
            "address_city": city,
            "address_state": state,
            "utm_source_medium": one_of(CAMPAIGNS),
        }
        habits.append(
            Habit(
                seconds=40 + int(1_500 * random.random() * random.random()),
                buyer=1 + int(4_000 * random.random()),
                status=one_of(STATES),
                percent=int(one_of(("0", "0", "0", "10", "20"))),
                shipping=int(one_of(("0", "990", "1490"))),
                others=others,
                quantities=tuple(1 + (random.random() < 0.05) for _ in range(max(ITEM_COUNTS))),
            )
        )
    return habits
