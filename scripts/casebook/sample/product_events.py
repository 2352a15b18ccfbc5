"""The storefront's raw files of product events: messages by platform and day, dirt among them.

A file is a row of slots. Slot k holds a message with the k-th view of its day or, instead of it,
one of another shape: with several events or none, with other events, one that is rejected or cannot
be read. A plan is made once, for the files of scale 1; at scale N each file goes through its plan
N times. Nothing identifies an event, so that no message bears on what becomes of another.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import cycle
from operator import itemgetter
from pathlib import Path
from typing import Any

from casebook.sample.files import copy_file, open_file
from casebook.sample.report import TableReport
from casebook.sample.views import (
    CHUNK,
    DAY,
    FIRST_DAY,
    HOUR,
    OFFSET,
    Day,
    View,
    further,
    spread,
    views_of,
)

FOLDER = "storefront/product_events"
DAYS = tuple(FIRST_DAY + timedelta(days=number) for number in range(5))
MISSING = object()
BLANK_LINES = "after_blank_lines"
MARK = re.compile(r'"#(\d+)#"|@(\d+)@')


@dataclass(frozen=True)
class Layout:
    """How the messages of a file stand in it.

    Attributes:
        opening: text before the first message.
        between: text between two messages.
        closing: text after the last message.
        is_array: whether the messages are elements of an array.
        is_pretty: whether each of them stands on many lines.
    """

    opening: str = ""
    between: str = "\n"
    closing: str = "\n"
    is_array: bool = False
    is_pretty: bool = False

    @property
    def empty(self) -> str:
        """A file without messages."""
        return "[]\n" if self.is_array else ""


LINES = Layout()
CRLF = Layout(between="\r\n", closing="\r\n")
WITH_BOM = Layout(opening="\ufeff")
NO_LAST_NEWLINE = Layout(closing="")
COMPACT = Layout("[", ",", "]", is_array=True)
ROWS = Layout("[\n", ",\n", "\n]\n", is_array=True)
PRETTY = Layout("[\n  ", ",\n  ", "\n]\n", is_array=True, is_pretty=True)


@dataclass(frozen=True)
class Delivery:
    """A file of messages.

    Attributes:
        name: its path below the table's folder, the platform first.
        day: the UTC day on which its messages were sent.
        messages: how many it holds at scale 1.
        layout: how they stand in it.
        visitors: sets its views apart from those of another file of the same day.
        again: paths at which the same bytes are delivered once more.
    """

    name: str
    day: date
    messages: int
    layout: Layout
    visitors: int
    again: tuple[str, ...] = ()

    @property
    def platform(self) -> str:
        """The platform, as the folder says it."""
        return self.name.partition("/")[0]


DELIVERIES = (
    Delivery("Android/productEvent_20200227.json.gz", DAYS[0], 130, LINES, 1),
    Delivery("Android/productEvent_20200228.json.gz", DAYS[1], 140, LINES, 1),
    Delivery("Android/productEvent_20200229.json.gz", DAYS[2], 150, ROWS, 1),
    Delivery("Android/productEvent_20200301.json.gz", DAYS[3], 150, COMPACT, 1),
    Delivery("Android/productEvent_20200302.json.gz", DAYS[4], 130, LINES, 1),
    Delivery("Android/productEvent_20200302_late.json", DAYS[4], 30, PRETTY, 2),
    Delivery("Android/productEvent_20200303.json", DAYS[4], 0, COMPACT, 1),
    Delivery("MobileWeb/productEvent_20200227.json.gz", DAYS[0], 270, PRETTY, 3),
    Delivery("MobileWeb/productEvent_20200228.json.gz", DAYS[1], 280, PRETTY, 3),
    Delivery(
        "MobileWeb/productEvent_20200229.json.gz",
        DAYS[2],
        300,
        ROWS,
        3,
        # Before it in file order.
        again=("MobileWeb/again/productEvent_20200229.json.gz",),
    ),
    Delivery("MobileWeb/productEvent_20200301.json.gz", DAYS[3], 310, COMPACT, 3),
    Delivery("MobileWeb/productEvent_20200302.jsonl.gz", DAYS[4], 260, LINES, 3),
    Delivery("MobileWeb/productEvent_20200302_late.json", DAYS[4], 40, COMPACT, 4),
    Delivery("iOS/2020-02/productEvent_20200227.jsonl.gz", DAYS[0], 140, LINES, 5),
    Delivery("iOS/2020-02/productEvent_20200228.jsonl.gz", DAYS[1], 160, LINES, 5),
    Delivery("iOS/2020-02/productEvent_20200229.jsonl.gz", DAYS[2], 170, CRLF, 5),
    Delivery("iOS/2020-02/productEvent_20200229_late.jsonl", DAYS[2], 40, WITH_BOM, 6),
    Delivery("iOS/2020-03/productEvent_20200301.ndjson.gz", DAYS[3], 160, LINES, 5),
    Delivery(
        "iOS/2020-03/productEvent_20200301_late.ndjson",
        DAYS[3],
        50,
        LINES,
        6,
        again=("iOS/2020-03/productEvent_20200302_late.ndjson",),
    ),
    Delivery("iOS/2020-03/productEvent_20200302.jsonl.gz", DAYS[4], 150, NO_LAST_NEWLINE, 5),
)
FILES = tuple(f"{FOLDER}/{name}" for file in DELIVERIES for name in (file.name, *file.again))

# Which part of a view and its message stands where, as marks in a message that `_template` reads:
# `#0#` for a number, `@0@` for text. A message's further events have their own three values, after
# the first six.
TIME, PRICE, PRODUCT, SENT, BATCH, MESSAGE = range(6)


def _mark(value: int, event: int = 0, sign: str = "@") -> str:
    return f"{sign}{value + (3 + 3 * event if event else 0)}{sign}"


@dataclass(frozen=True)
class Platform:
    """What the messages of a platform look like.

    Attributes:
        mpid: who sent them; trackers that hide people send the same in every message.
        names_messages: whether messages carry ids of their own and the format's version.
        gives_prices: whether views carry the price.
    """

    mpid: int
    names_messages: bool
    gives_prices: bool


PLATFORMS = {
    "Android": Platform(-7_340_905_118_266_071_349, False, True),
    "MobileWeb": Platform(402_771_935_560_148_000, False, False),
    "iOS": Platform(-3_118_640_277_905_513_862, True, True),
}

# Makes an event, given the platform and the event's place in its message.
EventMaker = Callable[[Platform, int], Any]


def _view(
    platform: Platform,
    event: int,
    *,
    data: Mapping[str, Any] | None = None,
    attributes: Mapping[str, Any] | None = None,
    top: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A product view, with other values where they are given."""
    given: dict[str, Any] = {"actualPrice": _mark(PRICE, event), "base": "p"}
    return _change(
        {
            "data": _change(
                {
                    "custom_event_type": "navigation",
                    "event_name": "product",
                    "timestamp_unixtime_ms": _mark(TIME, event, "#"),
                    "event_id": 550_118_043_771_296_400,
                    "session_id": -2_096_417_735_520_661_847,
                    "custom_attributes": _change(
                        (given if platform.gives_prices else {})
                        | {"codeColor": _mark(PRODUCT, event)},
                        attributes,
                    ),
                },
                data,
            ),
            "event_type": "custom_event",
        },
        top,
    )


def _change(values: dict[str, Any], others: Mapping[str, Any] | None) -> dict[str, Any]:
    merged = values | dict(others or {})
    return {key: value for key, value in merged.items() if value is not MISSING}


def _seen(name: str) -> EventMaker:
    """A visit to another page, which has no product."""
    return partial(_view, data={"event_name": name}, attributes={"codeColor": MISSING})


def _screen(platform: Platform, event: int) -> dict[str, Any]:
    """An event of another type, with other values in it."""
    return {
        "data": {
            "screen_name": "Promoções",
            "timestamp_unixtime_ms": _mark(TIME, event, "#"),
            "device_info": {"os": "7.0", "languages": ["pt", "en"]},
        },
        "event_type": "screen_view",
    }


@dataclass(frozen=True)
class Shape:
    """A kind of message.

    Attributes:
        events: what makes its events; not used where `message` has `events`.
        items: outcome and detail of each item in it: of each event, or of the message where its
            events cannot be told.
        message: other values of the message itself.
        quarantined: the reason why the loader cannot read it, or none.
        write: makes what stands in the file of the message as JSON.
        note: what is odd about it, if that is not said by its items.
    """

    events: tuple[EventMaker, ...] = (_view,)
    items: tuple[tuple[str, str], ...] = (("kept", ""),)
    message: Mapping[str, Any] = field(default_factory=dict)
    quarantined: str = ""
    write: Callable[[str], str] = str
    note: str = ""


KEPT = ("kept", "")
PLAIN = Shape()


def _kept(note: str, *events: EventMaker, **message: object) -> Shape:
    return Shape(events or (_view,), (KEPT,) * (len(events) or 1), message, note=note)


def _left_out(kind: str, event: EventMaker) -> Shape:
    return Shape((event,), (("left_out", kind),))


def _rejected(reason: str, **values: Mapping[str, Any]) -> Shape:
    return Shape((partial(_view, **values),), (("rejected", reason),))


def _no_list(reason: str, events: object) -> Shape:
    return Shape((), (("rejected", f"events {reason}"),), {"events": events})


def _unreadable(reason: str, write: Callable[[str], str]) -> Shape:
    return Shape((_view,), (), quarantined=reason, write=write)


_no_code = partial(_view, attributes={"codeColor": MISSING})
SEARCH, HOME, CART = "custom_event search", "custom_event home", "custom_event cart"
SCREEN = "screen_view (no name)"

# Messages that hold what happened since the last one.
SEVERAL = (
    _kept("", _view, _view),
    Shape((_seen("search"), _view), (("left_out", SEARCH), KEPT)),
    _kept("", _view, _view, _view),
    Shape((_view, _seen("cart")), (KEPT, ("left_out", CART))),
    Shape(
        (_screen, _view, _no_code, _view, _seen("home")),
        (
            ("left_out", SCREEN),
            KEPT,
            ("rejected", "codeColor missing"),
            KEPT,
            ("left_out", HOME),
        ),
    ),
    _kept("", _view, _view),
    _kept("", *(_view,) * 7),
    Shape((_seen("home"), _seen("search")), (("left_out", HOME), ("left_out", SEARCH))),
)

# No product views.
OTHERS = (
    _left_out(HOME, _seen("home")),
    _left_out(SEARCH, _seen("search")),
    _left_out(SCREEN, _screen),
    _left_out(CART, partial(_view, data={"event_name": "cart"})),
    _left_out("custom_event category", _seen("category")),
    _left_out("commerce_event product", partial(_view, top={"event_type": "commerce_event"})),
    _left_out(SEARCH, partial(_view, data={"event_name": "search", "timestamp_unixtime_ms": ""})),
    _left_out("(no type) product", partial(_view, top={"event_type": None})),
    _left_out("session_start (no name)", lambda platform, event: {"event_type": "session_start"}),
    _left_out("custom_event Product", partial(_view, data={"event_name": "Product"})),
    _left_out("custom_event (no name)", partial(_view, data={"event_name": MISSING})),
)

NONE = (Shape((), (), note="no_events"),)

NO_CODE, NO_TIME, BAD_TIME = (
    "codeColor missing",
    "timestamp_unixtime_ms missing",
    "timestamp_unixtime_ms not a time",
)
REJECTED = (
    _rejected(NO_CODE, attributes={"codeColor": MISSING}),
    _rejected(BAD_TIME, data={"timestamp_unixtime_ms": "yesterday"}),
    _no_list("not a list", {"data": {"event_name": "product"}, "event_type": "custom_event"}),
    _rejected(NO_CODE, attributes={"codeColor": ""}),
    _rejected(NO_TIME, data={"timestamp_unixtime_ms": MISSING}),
    _no_list("missing", MISSING),
    _rejected(NO_CODE, attributes={"codeColor": None}),
    _rejected(BAD_TIME, data={"timestamp_unixtime_ms": ""}),
    _no_list("not a list", "none"),
    _rejected(NO_CODE, data={"custom_attributes": MISSING}),
    _rejected(BAD_TIME, data={"timestamp_unixtime_ms": "2020-02-29 10:00:00"}),
    _no_list("missing", None),
    _rejected(
        f"{NO_CODE}; {NO_TIME}", data={"custom_attributes": {}, "timestamp_unixtime_ms": None}
    ),
    _rejected(BAD_TIME, data={"timestamp_unixtime_ms": 15_829_000_000_000_000_000}),
    _no_list("not a list", 0),
    _rejected(NO_CODE, attributes={"codeColor": "   "}),
    _rejected(BAD_TIME, data={"timestamp_unixtime_ms": 15_829_000_000_000_000}),
    _rejected(
        f"{NO_CODE}; {BAD_TIME}", data={"custom_attributes": None, "timestamp_unixtime_ms": "-"}
    ),
    _rejected(BAD_TIME, data={"timestamp_unixtime_ms": True}),
)


def _half(text: str) -> str:
    return text[: len(text) // 2]


# A byte that is not UTF-8 stands here as half of a surrogate pair, as Python's decoder has it.
NOT_AN_OBJECT = (
    _unreadable("not_an_object", lambda text: f"[{text}]"),
    _unreadable("not_an_object", lambda text: "null"),
    _unreadable("not_an_object", lambda text: '"heartbeat"'),
    _unreadable("not_an_object", lambda text: "0"),
)
QUARANTINED = (
    _unreadable("not_json", _half),
    NOT_AN_OBJECT[0],
    _unreadable("bad_bytes", lambda text: text.replace("product", "promo\udce7\udce3o")),
    _unreadable("not_json", lambda text: text + text),
    NOT_AN_OBJECT[1],
    _unreadable("not_json", lambda text: text.replace('"', "'")),
    _unreadable("bad_bytes", lambda text: text.replace("navigation", "navega\udcc3")),
    NOT_AN_OBJECT[2],
    _unreadable("not_json", lambda text: "<html><body>504 Gateway Time-out</body></html>"),
    NOT_AN_OBJECT[3],
)


def _at(time: object) -> EventMaker:
    return partial(_view, data={"timestamp_unixtime_ms": time})


def _around_midnight(day: date) -> tuple[Shape, ...]:
    """Views at the edges of a day, in the shop's time and in the tracker's."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    start = int(midnight.timestamp()) * 1_000
    local = start - OFFSET * HOUR  # the shop's midnight within the file's day
    return (
        _kept("before_midnight", _at(f"#{local - 1}.9999#")),
        _kept("at_midnight", _at(local)),
        _kept("before_midnight", _at(local - 1)),
        _kept("at_midnight", _at(f"#{local}.0001#")),
        _kept("before_utc_midnight", _at(f"#{start + DAY - 1}.5#")),
    )


ODD = (
    _kept("time_as_text", _at(_mark(TIME))),
    Shape(write=lambda text: "\n\n" + text, note=BLANK_LINES),
    _kept("price_not_a_number", partial(_view, attributes={"actualPrice": "R$ 189,90"})),
    _kept(
        "further_keys",
        partial(_view, attributes={"label": 'Verão "20" {liquidação}', "tags": ["a", {"b": []}]}),
    ),
    _kept("same_event_twice", _view, lambda platform, event: _view(platform, 0)),
    _kept("blanks_around_code", partial(_view, attributes={"codeColor": " @2@ "})),
    _kept("null_message_id", message_id=None, batch_id=None, mpid=None),
    _kept("no_message_time", timestamp_unixtime_ms=MISSING),
)
# Where messages have ids otherwise.
NAMED = (
    _kept("no_message_id", message_id=MISSING, batch_id=MISSING),
    _kept("no_schema_version", schema_version=MISSING),
)


@dataclass(frozen=True)
class Template:
    """A kind of message as it stands in a file.

    Attributes:
        text: the message with `%s` for each value.
        pick: picks those values, in their order, from a view and its further events.
        events: how many events' values it takes.
        write: makes what stands in the file of the message as JSON.
    """

    text: str
    pick: Callable[[Any], Any]
    events: int
    write: Callable[[str], str]

    def fill(self, view: View) -> str:
        """The message that the view is the first event of."""
        values: tuple[Any, ...] = view
        for number in range(1, self.events):
            values += further(view, number)
        return self.write(self.text % self.pick(values))


def _template(shape: Shape, platform: Platform, layout: Layout) -> Template:
    own: dict[str, Any] = {
        "events": [make(platform, place) for place, make in enumerate(shape.events)],
        "mpid": platform.mpid,
        "timestamp_unixtime_ms": _mark(SENT, 0, "#"),
    }
    if platform.names_messages:
        own |= {
            "batch_id": _mark(BATCH, 0, "#"),
            "message_id": _mark(MESSAGE),
            "message_type": "events",
            "schema_version": 1,
        }
    message = _change(own, shape.message)
    if layout.is_pretty:
        text = json.dumps(message, indent=2, ensure_ascii=False).replace("\n", "\n  ")
    else:
        text = json.dumps(message, separators=(",", ":"), ensure_ascii=False)
    text = re.sub(r'"#(\d+\.\d+)#"', r"\1", text.replace("%", "%%"))
    places = [int(found[1] or found[2]) for found in MARK.finditer(text)]
    # An itemgetter of one item, or none, would not make a tuple.
    pick = itemgetter(*places) if len(places) > 1 else partial(_pick, places)
    return Template(MARK.sub("%s", text), pick, len(shape.events), shape.write)


def _pick(places: list[int], values: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(values[place] for place in places)


def count_records(scale: float) -> int:
    """How many records `write` writes.

    Args:
        scale: how many times the base number of records.
    """
    return sum(round(file.messages * scale) * (1 + len(file.again)) for file in DELIVERIES)


def write(out_dir: Path, scale: float, advance: Callable[[int], None]) -> TableReport:
    """Write the raw files of product events.

    Args:
        out_dir: the folder that is laid out like `raw/`.
        scale: how many times the base number of records.
        advance: called with a number of records whenever as many more have been written.

    Returns:
        What was planted.
    """
    report = TableReport("storefront", "product_events", files=len(FILES))
    for file, plan in zip(DELIVERIES, plan_files(), strict=True):
        path = out_dir / FOLDER / file.name
        day = spread(file.day, round(file.messages * scale), visitors=file.visitors)
        _write_messages(path, file.layout, _messages(file, plan, day, advance))
        for name in file.again:
            copy_file(path, out_dir / FOLDER / name)
            advance(day.size)
        _count(report, file, plan, day.size)
    return report


def write_product_events(path: Path, size_bytes: int, *, day: date = FIRST_DAY) -> int:
    """Write one file of messages that all land, each with one product view that is accepted.

    Args:
        path: the file to write: an array of messages if its name ends in `.json`, else one message
            a line; compressed if `.gz` follows.
        size_bytes: about how large it is to be, before it is compressed.
        day: the UTC day on which the messages were sent.

    Returns:
        The number of messages in it.
    """
    layout = ROWS if path.name.removesuffix(".gz").endswith(".json") else LINES
    plain = _template(PLAIN, PLATFORMS["iOS"], layout)
    probe = [plain.fill(view) for view in views_of(spread(day, 5_000), 0, 5_000)]
    records = size_bytes * len(probe) // sum(len(text) + len(layout.between) for text in probe)
    views = spread(day, records)
    _write_messages(path, layout, _chunks(plain, views, CHUNK))
    return records


def plan_files() -> list[dict[int, Shape]]:
    """What is planted in each file, evenly over its slots; the first one's shape is plain.

    Kinds take turns; each goes through its list from file to file.
    """
    in_lines, in_arrays = cycle(QUARANTINED), cycle(NOT_AN_OBJECT)
    several, others, rejected, none = map(cycle, (SEVERAL, OTHERS, REJECTED, NONE))
    times = {file.day: cycle(_around_midnight(file.day)) for file in DELIVERIES}
    named, unnamed = cycle(ODD + NAMED), cycle(ODD)
    plans: list[dict[int, Shape]] = []
    for file in DELIVERIES:
        unreadable = in_arrays if file.layout.is_array else in_lines
        odd = named if PLATFORMS[file.platform].names_messages else unnamed
        supplies = (several, others, none, rejected, unreadable, odd, times[file.day])
        chosen: list[tuple[float, Shape]] = []
        for share, supply in zip(_shares(file), supplies, strict=True):
            count = max(1, file.messages * share // 1_000) if file.messages else 0
            chosen += [((number + 0.5) / count, next(supply)) for number in range(count)]
        chosen.sort(key=itemgetter(0))
        plans.append(
            {
                (2 * number + 1) * file.messages // (2 * len(chosen)): shape
                for number, (_, shape) in enumerate(chosen)
                if shape.note != BLANK_LINES or not file.layout.is_array
            }
        )
    return plans


def _shares(file: Delivery) -> tuple[int, ...]:
    """How often each kind is planted, in thousandths; the site sends each view by itself."""
    if file.platform == "MobileWeb":
        return 8, 12, 3, 12, 5, 12, 8
    return 130, 50, 12, 25, 8, 25, 12


def _messages(
    file: Delivery, plan: dict[int, Shape], day: Day, advance: Callable[[int], None]
) -> Iterator[list[str]]:
    """The messages of a file, some repetitions of its plan at a time."""
    platform, size = PLATFORMS[file.platform], file.messages
    plain = _template(PLAIN, platform, file.layout)
    planted = [(at, _template(shape, platform, file.layout)) for at, shape in plan.items()]
    step = size * max(1, CHUNK // size) if size else CHUNK
    for texts, views in _pairs(plain, day, step):
        for offset in range(0, len(texts), size):
            for at, template in planted:
                slot = offset + at
                if slot < len(texts):  # a scale that is no whole number breaks off
                    texts[slot] = template.fill(views[slot])
        advance(len(texts))
        yield texts


def _chunks(plain: Template, day: Day, step: int) -> Iterator[list[str]]:
    return (texts for texts, _ in _pairs(plain, day, step))


def _pairs(plain: Template, day: Day, step: int) -> Iterator[tuple[list[str], list[View]]]:
    """Plain messages, some at a time, and the views that they are made from."""
    for start in range(0, day.size, step):
        views = views_of(day, start, min(start + step, day.size))
        yield list(map(plain.text.__mod__, map(plain.pick, views))), views


def _write_messages(path: Path, layout: Layout, chunks: Iterator[list[str]]) -> None:
    with open_file(path) as file:
        before = layout.opening
        for texts in chunks:
            text = before + layout.between.join(texts)
            file.write(text.encode("utf-8", "surrogateescape"))
            before = layout.between
        ending = layout.closing if before == layout.between else layout.empty
        file.write(ending.encode())


def _count(report: TableReport, file: Delivery, plan: dict[int, Shape], messages: int) -> None:
    """Add what a file of so many messages and its copies hold."""
    uses = {at: _uses(at, file.messages, messages) for at in plan}
    plain, landed = messages - sum(uses.values()), messages
    report.kept += plain
    for at, shape in plan.items():
        count = uses[at]
        if not count:
            continue
        if shape.quarantined:
            landed -= count
            report.quarantine_reasons[shape.quarantined] += count * (1 + len(file.again))
        if shape.note:
            report.notes[shape.note] += count
        for outcome, detail in shape.items:
            report.count(outcome, detail, count)
    report.records += messages * (1 + len(file.again))
    report.redelivered += landed * len(file.again)


def _uses(at: int, size: int, messages: int) -> int:
    """How many of a file's messages stand in a slot of its plan."""
    repetitions, rest = divmod(messages, size)
    return repetitions + (at < rest)
