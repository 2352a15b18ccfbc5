"""The storefront case from raw files to marts, built as a user builds it."""

from __future__ import annotations

import csv
import io
import json
import random
import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from storefront_model import Storefront, read
from workbench import FIGURES, PUBLIC_RAW, UNTESTED, Workbench, workbench_of

START, END = datetime(2016, 1, 31), datetime(2016, 2, 3)
CASES = ("storefront",)
OUTCOMES = ("rejected", "left_out", "duplicate", "superseded", "redelivered", "kept")


# --- The public files


@pytest.fixture(scope="module")
def real() -> Iterator[Workbench]:
    """The public files, built once for all tests that only read."""
    with workbench_of(*CASES) as bench:
        shutil.copytree(PUBLIC_RAW / "storefront", bench.raw / "storefront")
        bench.casebook("build")
        yield bench


@pytest.fixture(scope="module")
def expected(real: Workbench) -> Storefront:
    return read(real.raw)


def test_public_files_give_their_figures(real: Workbench, expected: Storefront) -> None:
    figures = FIGURES["storefront"]
    views, orders, items = (figures[name] for name in ("views", "orders", "items"))
    assert real.query(
        "select count(*), count(distinct product_id), min(viewed_at), max(viewed_at)"
        " from storefront.product_views"
    ) == [
        (
            views,
            figures["products"],
            min(view[0] for view in expected.views),
            max(view[0] for view in expected.views),
        )
    ]
    assert real.query(
        "select cast(cast(viewed_at as date) as varchar), count(*) from storefront.product_views"
        " group by all order by all"
    ) == [tuple(day) for day in figures["views_by_day"]]
    assert real.query("select count(*) from storefront.orders") == [(orders,)]
    assert real.query("select count(*), count(distinct order_id) from storefront.purchases") == [
        (items, figures["orders_with_items"])
    ]
    assert real.query(
        "select table_name, records, landed, items, kept from audit.row_accounting order by 1"
    ) == [
        ("order_items", *[items] * 4),
        ("orders", *[orders] * 4),
        ("product_events", *[views] * 4),
    ]
    assert real.query("select reason, kind, items from audit.left_out_items") == [
        ("platform_without_views", "Desktop", figures["items_of_desktops"])
    ]
    check_marts(real, expected)


@pytest.mark.parametrize(
    ("start", "end", "minutes", "product", "platform"),
    [
        (START, END, 1440, None, None),
        (START, END, 60, None, None),
        (datetime(2016, 1, 31, 13, 55), datetime(2016, 2, 1, 13, 55), 60, None, None),
        (datetime(2016, 1, 31, 23, 59, 59), datetime(2016, 2, 1, 0, 30, 1), 7, None, None),
        (datetime(2016, 2, 1, 0, 0, 0, 1000), datetime(2016, 2, 2), 97, None, "MobileWeb"),
        (datetime(2016, 2, 1, 3, 7, 11, 123_456), datetime(2016, 2, 1, 20), 1, None, "MobileWeb"),
        (START, END, 45, None, "Android"),
        (START, END, 45, None, "iOS"),
        (START, END, 45, None, "Desktop"),
        (START, END, 30, "20001253_039", None),
        (START, END, 30, "20005748_001", "MobileWeb"),
        (START, END, 100_000, None, None),
        (START, END, 60, "no such product", None),
        (END, START, 60, None, None),
        (START, START, 60, None, None),
    ],
)
def test_ctr_gives_what_plain_python_gives(
    real: Workbench,
    expected: Storefront,
    start: datetime,
    end: datetime,
    minutes: int,
    product: str | None,
    platform: str | None,
) -> None:
    rates = expected.rates(start, end, minutes, product, platform)
    shown = real.query(
        "from storefront.ctr(?, ?, ?, product := ?, platform := ?)",
        start,
        end,
        minutes,
        product,
        platform,
    )
    assert len(shown) == len(rates)
    assert shown == rates


def test_a_range_holds_its_first_moment_and_not_its_last(
    real: Workbench, expected: Storefront
) -> None:
    times = sorted({view[0] for view in expected.views})
    place = len(times) // 2
    first, second, last = times[place], times[place + 1], times[place + place // 2]
    assert any(view[0] == first for view in expected.views)
    for start, end in ((first, last), (first, second), (second, last)):
        shown = real.query("from storefront.ctr(?, ?, 1)", start, end)
        assert shown == expected.rates(start, end, 1)
        assert sum(row[3] for row in shown) == sum(
            start <= view[0] < end for view in expected.views
        )


def test_ctr_by_interval_is_counted_from_midnight(real: Workbench, expected: Storefront) -> None:
    shown = real.query("from storefront.ctr_by_interval order by all")
    assert sorted(shown) == expected.rates(START, END, 60, from_midnight=True)
    assert shown == real.query("from storefront.ctr(?, ?, 60)", START, END)
    assert {row[5] is None for row in shown} == {True, False}


def test_the_columns_of_ctr_are_those_of_ctr_by_interval(real: Workbench) -> None:
    described = real.query("describe from storefront.ctr('2016-01-31', '2016-02-02', 60)")
    assert [column[:2] for column in described] == [
        ("interval_start_at", "TIMESTAMP"),
        ("platform", "VARCHAR"),
        ("product_id", "VARCHAR"),
        ("product_views", "BIGINT"),
        ("purchases", "BIGINT"),
        ("ctr", "DECIMAL(18,4)"),
    ]
    contract = real.query("describe storefront.ctr_by_interval")
    assert [column[:2] for column in described] == [column[:2] for column in contract]


def test_ctr_can_be_called_with_texts_nulls_and_names(real: Workbench) -> None:
    whole = real.query("from storefront.ctr(?, ?, 60)", START, END)
    for call in (
        "ctr('2016-01-31', '2016-02-03', 60)",
        "ctr('2016-01-31 00:00:00', date '2016-02-03', 60, null, null)",
        "ctr('2016-01-31', '2016-02-03', 60, platform := null)",
        "ctr('2016-01-31', '2016-02-03', 60, product := null, platform := null)",
    ):
        assert real.query(f"from storefront.{call}") == whole
    named = "ctr('2016-01-31', '2016-02-03', 60, platform := 'iOS', product := '20001253_039')"
    placed = "ctr('2016-01-31', '2016-02-03', 60, '20001253_039', 'iOS')"
    some = [row for row in whole if row[1:3] == ("iOS", "20001253_039")]
    assert real.query(f"from storefront.{named}") == real.query(f"from storefront.{placed}") == some
    joined = real.query(
        "select sum(product_views) from storefront.ctr('2016-01-31', '2016-02-03', 60) as rates"
        " inner join storefront.product_views on rates.product_id = product_views.product_id"
        " where product_views.product_id = '20005748_001'"
    )
    assert joined[0][0] > 0
    for minutes in ("0", "-60", "null"):
        with pytest.raises(duckdb.InvalidInputException, match="must be 1 or more"):
            real.query(f"from storefront.ctr('2016-01-31', '2016-02-03', {minutes})")


def test_what_was_viewed_often_and_never_bought(real: Workbench, expected: Storefront) -> None:
    real.dbt("compile", "--select", "viewed_and_never_bought")
    (analysis,) = (real.root / "target" / "compiled").rglob("viewed_and_never_bought.sql")
    bought = {row[2] for row in expected.purchases if row[1] != "Desktop"}
    views = Counter(view[2] for view in expected.views if view[2] not in bought)
    most = sorted(views.items(), key=lambda entry: (-entry[1], entry[0]))[:20]
    assert [row[:2] for row in real.query(analysis.read_text())] == most


# --- Files of all kinds of dirt, in any order


class Dirt:
    """Random files of the three tables, of few products, orders and times, so that they meet."""

    products = ("A_1", "A_2", "B_1", " A_1 ")
    devices = ("iOS", "iPhone", "ANDROID", "mobile_web", "Desktop", "Smart TV")
    statuses = ("complete", "canceled", "pending")

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def time(self) -> Any:
        """Around midnight in GMT−03:00, or none."""
        near = 1_454_295_600_000 + self.random.randrange(-7_200_000, 7_200_000)
        return self.random.choice(
            [
                near,
                str(near),
                1_454_295_600_000,
                near + 0.5,
                f"{near}.99999999999999999999",
                1_454_295_599_999.9375,
                "-0.5",
                None,
                "soon",
                True,
            ]
        )

    def event(self) -> Any:
        if self.random.random() < 0.1:
            return self.random.choice([None, 7, "event", [1], {}])
        data: dict[str, Any] = {"event_name": self.random.choice(["product"] * 5 + ["search"])}
        time = self.time()
        if time is not None:
            data["timestamp_unixtime_ms"] = time
        if self.random.random() < 0.9:
            data["custom_attributes"] = {
                "codeColor": self.random.choice([*self.products, *self.products, " "]),
                "actualPrice": self.random.choice(["189.9", "free"]),
            }
        kind = self.random.choice(["custom_event"] * 9 + ["screen_view"])
        return {"event_type": kind, "data": data}

    def message(self) -> dict[str, Any]:
        if self.random.random() < 0.1:
            return self.random.choice([{}, {"events": None}, {"events": {}}, {"events": "none"}])
        return {"events": [self.event() for _ in range(self.random.randrange(5))], "mpid": 1}

    def messages(self, number: int) -> bytes:
        return json.dumps([{"events": []}, *(self.message() for _ in range(number))]).encode()

    def orders(self, numbers: range, status: str = "order_status") -> bytes:
        table = [
            {
                "id": self.random.choice([*numbers, *numbers, "x"]),
                "user_id": self.random.randrange(3),
                "order_date": self.random.choice(
                    ["2016-02-01 00:00:00", "2016-01-31 23:59:59.999", "2016-02-01", "2016-02-30"]
                ),
                "order_total": self.random.choice(["10.00", "20.50"]),
                status: self.random.choice([*self.statuses, *self.statuses, ""]),
                "device_type": self.random.choice(self.devices),
            }
            for _ in numbers
        ]
        return as_csv([*table, table[0]])

    def order_items(self, numbers: range, orders: range) -> bytes:
        table = [
            {
                "id": self.random.choice([*numbers, *numbers, "x"]),
                "order_id": self.random.choice([*orders, *orders, 999]),
                "sku": "S",
                "quantity": self.random.choice([1, 1, 2, "two"]),
                "code_color": self.random.choice([*self.products, *self.products, ""]),
            }
            for _ in numbers
        ]
        return as_csv([*table, table[0]])


def as_csv(table: list[dict[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(table[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    return text.getvalue().encode()


def deliver(bench: Workbench, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        path = bench.raw / "storefront" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def check_marts(bench: Workbench, expected: Storefront, minutes: int = 60) -> None:
    """The marts and the audit hold what plain Python makes of the same files."""
    origin = "source_file, source_record"
    assert sorted(
        bench.query(
            f"select viewed_at, platform, product_id, {origin}, source_item"
            " from storefront.product_views"
        )
    ) == sorted(expected.views)
    assert sorted(
        bench.query(
            "select purchased_at, platform, product_id, order_id, order_item_id, order_status,"
            f" {origin} from storefront.purchases"
        )
    ) == sorted(expected.purchases)
    assert {
        row[0]: row[1:]
        for row in bench.query(
            "select order_id, ordered_at, order_status, platform from storefront.orders"
        )
    } == expected.orders
    assert sorted(bench.query("from storefront.ctr_by_interval")) == expected.rates(
        datetime.min, datetime.max, minutes, from_midnight=True
    )
    assert set(bench.query(f"select {origin}, source_item from audit.rejected_rows")) == set(
        expected.rejected
    )
    assert bench.query("select count(*) from audit.rejected_rows") == [(len(expected.rejected),)]
    assert {
        row[:3]: row[3]
        for row in bench.query("select source_file, reason, kind, items from audit.left_out_items")
    } == dict(expected.left_out)
    assert {
        row[0]: +Counter(dict(zip(OUTCOMES, row[1:], strict=True)))
        for row in bench.query(
            f"select source_file, {', '.join(OUTCOMES)} from audit.row_accounting"
        )
    } == expected.outcomes


def test_dirty_files_in_any_order_give_what_plain_python_gives(bench: Workbench) -> None:
    """Three incremental builds, then a full refresh with other vars, each against plain Python."""
    dirt = Dirt(20160201)
    views = "product_events/iOS"
    twice = dirt.messages(12)
    late = {"id": 900, "user_id": 1, "order_total": 5, "order_status": "pending"}
    first = {
        f"{views}/b.json": dirt.messages(30),
        f"{views}/d.json": twice,
        "product_events/Android/d.json": twice,
        "orders/m.csv": dirt.orders(range(20)),
        "order_items/z.csv": as_csv(
            [{"id": 900, "order_id": 900, "sku": "S", "quantity": 1, "code_color": "LATE"}]
        ),
        "order_items/m.csv": dirt.order_items(range(40), range(20)),
    }
    second = {
        f"{views}/a.json": dirt.messages(30),
        f"{views}/e.json": twice,
        "product_events/MobileWeb/a.json": dirt.messages(30),
        "orders/a.csv": dirt.orders(range(10, 30), status="status"),
        "orders/y.csv": as_csv(
            [late | {"order_date": "2016-02-01 10:00:00", "device_type": "ios"}],
        ),
        "order_items/n.csv": dirt.order_items(range(20, 60), range(40)),
    }
    third = {
        f"{views}/c.json": dirt.messages(10),
        "orders/B.csv": dirt.orders(range(40)),
        "orders/z.csv": as_csv(
            [late | {"order_date": "2016-02-02 11:00:00", "device_type": "Android"}]
        ),
    }
    late_purchase = (
        "select purchased_at, platform from storefront.purchases where order_item_id = 900"
    )
    for files, purchase in (
        (first, []),
        (second, [(datetime(2016, 2, 1, 10), "iOS")]),
        (third, [(datetime(2016, 2, 2, 11), "Android")]),
    ):
        deliver(bench, files)
        shown = bench.casebook("build", *(() if files is third else UNTESTED))
        assert "full refresh" not in shown.stderr
        assert bench.query(late_purchase) == purchase
        check_marts(bench, read(bench.raw))
    found = read(bench.raw)
    assert all(sum(one[kind] for one in found.outcomes.values()) for kind in OUTCOMES)
    assert {view[1] for view in found.views if view[3].endswith("/d.json")} == {"iOS", "Android"}
    views_before = bench.query(
        "select * exclude (loaded_at) from storefront.product_views order by all"
    )
    bench.casebook(
        "build",
        "--full-refresh",
        "--vars",
        "{excluded_order_statuses: [canceled], ctr_interval_minutes: 77}",
    )
    excluding = read(bench.raw, excluded=["canceled"])
    assert len(excluding.purchases) < len(found.purchases)
    check_marts(bench, excluding, minutes=77)
    assert views_before == bench.query(
        "select * exclude (loaded_at) from storefront.product_views order by all"
    )
    assert bench.query("select distinct actual_price from storefront.product_views order by 1") == [
        (Decimal("189.9"),),
        (None,),
    ]


# --- The order in which rows are stored


def many_views(seed: int, messages: int) -> bytes:
    """Twenty views a message, at times all over one day."""
    chance = random.Random(seed)
    view = (
        '{"event_type":"custom_event","data":{"event_name":"product","timestamp_unixtime_ms":%d,'
        '"custom_attributes":{"codeColor":"A_%d"}}}'
    )
    lines = []
    for _ in range(messages):
        views = [
            view % (1_454_295_600_000 + chance.randrange(86_400_000), chance.randrange(50))
            for _ in range(20)
        ]
        lines.append(f'{{"events":[{",".join(views)}]}}')
    return "\n".join(lines).encode()


def test_views_are_stored_in_the_order_of_time(bench: Workbench) -> None:
    """So that a range reads its own part of the table only, after a full and an added build."""
    deliver(bench, {"product_events/iOS/a.jsonl": many_views(1, 20_000)})
    select = ["--select", "+product_views", *UNTESTED]
    bench.casebook("build", *select)
    assert_stored_in_order(bench, 0, 400_000)
    deliver(bench, {"product_events/iOS/b.jsonl": many_views(2, 15_000)})
    bench.casebook("build", *select)
    assert_stored_in_order(bench, 400_000, 700_000)
    with duckdb.connect(str(bench.warehouse), read_only=True) as connection:
        connection.execute("set threads = 1")
        ((_, plan),) = connection.execute(
            "explain (analyze, format json) select product_id from storefront.product_views"
            " where viewed_at >= '2016-02-01 10:00:00' and viewed_at < '2016-02-01 10:30:00'"
        ).fetchall()
    scanned = rows_scanned(json.loads(plan))
    assert 0 < scanned <= 4 * 122_880 < 700_000


def assert_stored_in_order(bench: Workbench, first: int, end: int) -> None:
    """Of the rows that one build wrote, each is as late as the one stored before it."""
    assert bench.query(
        "select count(*), count(*) filter (viewed_at < before) from ("
        "select viewed_at, lag(viewed_at) over (order by rowid) as before"
        f" from storefront.product_views where rowid >= {first} and rowid < {end})"
    ) == [(end - first, 0)]


def rows_scanned(plan: dict[str, Any]) -> int:
    return plan.get("operator_rows_scanned", 0) + sum(map(rows_scanned, plan.get("children", [])))


def test_a_selection_needs_no_table_that_it_does_not_build(bench: Workbench) -> None:
    """Tests that compare a selected model with the audit wait for a build of both."""
    deliver(bench, {"product_events/iOS/a.jsonl": many_views(1, 10)})
    bench.casebook("build", "--select", "+ctr_by_interval")
    assert bench.query("select sum(product_views) from storefront.ctr_by_interval") == [(200,)]
    assert bench.query(
        "select count(*) from information_schema.tables"
        " where table_schema = 'audit' and table_name = 'row_accounting'"
    ) == [(0,)]
