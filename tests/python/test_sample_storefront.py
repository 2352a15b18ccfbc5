"""What the sample reports of the storefront is what a plain reading and a build find in it."""

from __future__ import annotations

import gzip
import json
import re
import tracemalloc
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from casebook.sample import storefront, write_product_events, write_sample
from casebook.sample.report import TableReport
from workbench import Workbench, project_with

TABLES = ("product_events", "orders", "order_items")
OTHER_NAMES = {"status": "order_status", "device": "device_type"}
DEVICES = {
    **{"android": "Android", "ios": "iOS", "ipad": "iOS", "iphone": "iOS", "desktop": "Desktop"},
    **{"mobile web": "MobileWeb", "mobile_web": "MobileWeb", "mobileweb": "MobileWeb"},
}
VIEWED_ON = {"Android", "iOS", "MobileWeb"}
SHOP_TIME = timezone(timedelta(hours=-3))
COUNTS = (
    *("files", "records", "quarantined", "landed", "items", "rejected", "left_out"),
    *("duplicate", "superseded", "redelivered", "kept"),
)


@dataclass
class Found(TableReport):
    """What a reading of a table's files found, in the words of a report.

    Attributes:
        views: of product events: platform, time in the shop's time, product and price of each.
        winners: of orders and order items: the record that is kept of each id.
        shapes: of product events: how many events each landed message that counts has.
    """

    views: list[tuple] = field(default_factory=list)
    winners: dict[int, dict] = field(default_factory=dict)
    shapes: Counter = field(default_factory=Counter)


def files_of(folder: Path, table: str) -> dict[str, bytes]:
    """The bytes of a table's files, in byte order of their paths."""
    home = folder / "storefront" / table
    paths = {path.relative_to(home).as_posix(): path for path in home.rglob("*") if path.is_file()}
    return {name: paths[name].read_bytes() for name in sorted(paths, key=str.encode)}


def text_of(name: str, content: bytes) -> str:
    """A file's text; bytes that are not UTF-8 as halves of surrogate pairs."""
    plain = gzip.decompress(content) if name.endswith(".gz") else content
    return plain.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")


def is_utf8(text: str) -> bool:
    return not re.search("[\ud800-\udfff]", text)


def read_product_events(folder: Path) -> Found:
    found = Found("storefront", "product_events")
    seen = set()
    for name, content in files_of(folder, "product_events").items():
        platform = name.partition("/")[0]
        is_again = (platform, content) in seen
        seen.add((platform, content))
        found.files += 1
        for message in read_messages(text_of(name, content)):
            found.records += 1
            if isinstance(message, str):
                found.quarantine_reasons[message] += 1
            elif is_again:
                found.redelivered += 1
            else:
                count_events(found, platform, message)
    return found


def read_messages(text: str) -> list[dict | str]:
    """The messages of a file; the reason instead of one that cannot be read."""
    if text.startswith("["):
        return [item if isinstance(item, dict) else "not_an_object" for item in json.loads(text)]
    return [read_message(line) for line in text.split("\n") if line.strip()]


def read_message(line: str) -> dict | str:
    if not is_utf8(line):
        return "bad_bytes"
    try:
        message = json.loads(line)
    except json.JSONDecodeError:
        return "not_json"
    return message if isinstance(message, dict) else "not_an_object"


def count_events(found: Found, platform: str, message: dict) -> None:
    events = message.get("events")
    if not isinstance(events, list):
        found.rejection_reasons[f"events {'missing' if events is None else 'not a list'}"] += 1
        return
    found.shapes[len(events)] += 1
    for event in events:
        data = event.get("data") or {}
        kind = event.get("event_type"), data.get("event_name")
        if kind != ("custom_event", "product"):
            found.left_out_reasons[f"{kind[0] or '(no type)'} {kind[1] or '(no name)'}"] += 1
            continue
        attributes = data.get("custom_attributes") or {}
        time, product = data.get("timestamp_unixtime_ms"), attributes.get("codeColor")
        viewed_at = cast_time(time)
        reasons = []
        if not (product or "").strip():
            reasons.append("codeColor missing")
        if viewed_at is None:
            reasons.append(f"timestamp_unixtime_ms {'missing' if time is None else 'not a time'}")
        if reasons:
            found.rejection_reasons["; ".join(reasons)] += 1
        else:
            found.kept += 1
            price = attributes.get("actualPrice")
            found.views.append((platform, viewed_at, product.strip(), price))


def cast_time(time: object) -> datetime | None:
    """The shop's time of a Unix time in milliseconds, rounded down."""
    if not re.fullmatch(r"[0-9]{1,18}(\.[0-9]+)?", str(time)):
        return None
    milliseconds = int(str(time).partition(".")[0])
    if milliseconds > 253_402_300_799_999:
        return None
    seconds, rest = divmod(milliseconds, 1_000)
    moment = datetime.fromtimestamp(seconds, SHOP_TIME).replace(tzinfo=None)
    return moment + timedelta(milliseconds=rest)


def read_rows(text: str) -> list[dict | str]:
    """The records of a delimited file by declared column; the reason for one that can't be read."""
    delimiter = re.search(r"[,;\t|]", text)[0]
    one = rf'(?:"(?:[^"]|"")*"|[^"\n{delimiter}]*)'
    record, part = re.compile(f"{one}(?:[{delimiter}]{one})*(?:\n|$)"), re.compile(one)
    at, rows, header = 0, [], None
    text = text.replace("\r\n", "\n")
    while at < len(text):
        whole = record.match(text, at)
        line = whole[0] if whole else text[at : text.index("\n", at) + 1]
        at += len(line)
        fields = split(line.removesuffix("\n"), delimiter, part) if whole else []
        if header is None:
            header = [OTHER_NAMES.get(name.lower(), name.lower()) for name in fields]
        elif not whole:
            rows.append("text_after_quote")
        elif not is_utf8(line):
            rows.append("bad_bytes")
        elif len(fields) != len(header):
            rows.append("wrong_field_count")
        else:
            rows.append({name: f or None for name, f in zip(header, fields, strict=True)})
    return rows


def split(record: str, delimiter: str, part: re.Pattern) -> list[str]:
    fields, at = [], 0
    while True:
        found = part.match(record, at)
        quoted = found[0].startswith('"')
        fields.append(found[0][1:-1].replace('""', '"') if quoted else found[0])
        at = found.end()
        if at >= len(record):
            return fields
        assert record[at] == delimiter
        at += 1


def read_table(folder: Path, table: str, cast, values: tuple[str, ...]) -> Found:
    """Read the files of a table with a key.

    Args:
        folder: the sample.
        table: the table.
        cast: makes a record's typed values and the reasons why it is rejected.
        values: what makes two records of the same id equal.
    """
    found = Found("storefront", table)
    accepted = defaultdict(list)
    for name, content in files_of(folder, table).items():
        found.files += 1
        for row in read_rows(text_of(name, content)):
            found.records += 1
            if isinstance(row, str):
                found.quarantine_reasons[row] += 1
                continue
            record, reasons = cast(row)
            if reasons:
                found.rejection_reasons["; ".join(reasons)] += 1
            else:
                accepted[record["id"]].append(record | {"file": name})
    for number, records in accepted.items():
        found.winners[number] = records[-1]
        found.kept += 1
        for record in records[:-1]:
            is_equal = all(record[value] == records[-1][value] for value in values)
            found.duplicate += is_equal
            found.superseded += not is_equal
    return found


def read_orders(folder: Path) -> Found:
    values = ("user_id", "order_date", "order_total", "order_status", "device_type")
    return read_table(folder, "orders", cast_order, values)


def read_order_items(folder: Path, orders: Found) -> Found:
    found = read_table(
        folder, "order_items", cast_item, ("order_id", "code_color", "sku", "quantity")
    )
    for number, item in list(found.winners.items()):
        if item["order_id"] not in orders.winners:
            found.rejection_reasons["order_id orphan order item"] += 1
            found.kept -= 1
            del found.winners[number]
    return found


def cast_order(row: dict) -> tuple[dict, list[str]]:
    return cast_all(
        row,
        ("id", cast_integer, "an integer", True),
        ("order_date", cast_timestamp, "a timestamp", True),
        ("order_status", str.strip, "a status", True),
        ("device_type", str.strip, "a device", True),
        ("user_id", cast_integer, "an integer", False),
        ("order_total", cast_decimal, "a number", False),
    )


def cast_item(row: dict) -> tuple[dict, list[str]]:
    typed, reasons = cast_all(
        row,
        ("id", cast_integer, "an integer", True),
        ("order_id", cast_integer, "an integer", True),
        ("code_color", str.strip, "a product", True),
        ("quantity", cast_integer, "an integer", False),
    )
    return typed | {"sku": row["sku"]}, reasons


def cast_all(row: dict, *columns: tuple) -> tuple[dict, list[str]]:
    typed, reasons = {}, []
    for column, cast, kind, required in columns:
        text = row[column]
        typed[column] = None if text is None else cast(text)
        if text is None and required:
            reasons.append(f"{column} missing")
        elif text is not None and typed[column] in (None, ""):
            reasons.append(f"{column} not {kind}")
    return typed, reasons


def cast_integer(text: str) -> int | None:
    return int(text) if re.fullmatch(r"\s*[+-]?[0-9]+\s*", text) else None


def cast_decimal(text: str) -> Decimal | None:
    return Decimal(text) if re.fullmatch(r"-?[0-9]+\.[0-9]+", text) else None


def cast_timestamp(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if re.match(r"[0-9]{4}-", text) else None
    except ValueError:
        return None


def read_all(folder: Path) -> dict[str, Found]:
    orders = read_orders(folder)
    return {
        "product_events": read_product_events(folder),
        "orders": orders,
        "order_items": read_order_items(folder, orders),
    }


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample")
    report = write_sample(folder)
    reports = {table: report.table(f"storefront.{table}") for table in TABLES}
    return folder, reports, read_all(folder)


@pytest.mark.parametrize("scale", [0.01, 0.4558, 1, 2.6, 20])
def test_the_report_is_what_the_files_hold(tmp_path, base, scale):
    _, once, _ = base
    report = write_sample(tmp_path, scale)
    for table, found in read_all(tmp_path).items():
        planted = report.table(f"storefront.{table}")
        for name in COUNTS:
            assert getattr(planted, name) == getattr(found, name), f"{table}: {name}"
        for name in ("quarantine_reasons", "rejection_reasons", "left_out_reasons"):
            assert +getattr(planted, name) == getattr(found, name), f"{table}: {name}"
        assert planted.records == planted.quarantined + planted.landed
        assert abs(planted.records - scale * once[table].records) < 20, "other than the scale says"
        if table != "product_events":
            assert planted.landed == planted.items


def test_a_scale_multiplies_every_count(tmp_path, base):
    _, once, _ = base
    thrice = write_sample(tmp_path, 3)
    for table, report in once.items():
        tripled = thrice.table(f"storefront.{table}")
        assert tripled.files == report.files
        for name in COUNTS[1:]:
            assert getattr(tripled, name) == 3 * getattr(report, name), f"{table}: {name}"
        for name in ("quarantine_reasons", "rejection_reasons", "left_out_reasons", "notes"):
            expected = {key: 3 * count for key, count in getattr(report, name).items()}
            assert getattr(tripled, name) == expected, f"{table}: {name}"


def test_a_build_finds_what_the_report_says(tmp_path, base):
    _, reports, _ = base
    bench = Workbench(tmp_path, project_with("storefront"))
    write_sample(bench.raw)
    bench.casebook("build")
    names = ", ".join(f"sum({name})::bigint" for name in COUNTS[1:])
    for table, planted in reports.items():
        (counted,) = bench.query(
            f"select count(*), {names} from audit.row_accounting"
            " where source_name = 'storefront' and table_name = ?",
            table,
        )
        expected = {name: getattr(planted, name) for name in COUNTS}
        assert dict(zip(COUNTS, counted, strict=True)) == expected, table
        rows = bench.query(
            "select stage, reasons from audit.rejected_rows"
            " where source_name = 'storefront' and table_name = ?",
            table,
        )
        codes = Counter(reasons.split(":")[0] for stage, reasons in rows if stage == "quarantined")
        rejected = Counter(in_words(reasons) for stage, reasons in rows if stage == "rejected")
        assert rejected == +planted.rejection_reasons, table
        assert codes == +planted.quarantine_reasons, table


def in_words(reasons: str) -> str:
    """`order_id: not_an_integer` as a report has it: `order_id not an integer`."""
    pairs = (reason.split(": ") for reason in reasons.split("; "))
    return "; ".join(f"{column} {reason.replace('_', ' ')}" for column, reason in pairs)


def test_every_kind_of_file_is_there(base):
    folder, _, _ = base
    files = {name: data for table in TABLES for name, data in files_of(folder, table).items()}
    assert {name.partition(".")[2] for name in files} == {
        *("json", "json.gz", "jsonl", "jsonl.gz", "ndjson", "ndjson.gz"),
        *("csv", "csv.gz", "tsv", "txt"),
    }
    events = {name: text_of(name, files[name]) for name in files_of(folder, "product_events")}
    assert {name.partition("/")[0] for name in events} == VIEWED_ON
    for platform in VIEWED_ON:
        of_platform = [name for name in events if name.startswith(f"{platform}/")]
        assert any(name.endswith(".gz") for name in of_platform)
        assert not all(name.endswith(".gz") for name in of_platform)
    arrays = [text for text in events.values() if text.startswith("[")]
    assert any("\n    " in text for text in arrays), "pretty"
    assert any("\n" not in text for text in arrays), "on one line"
    assert any("\n{" in text for text in arrays), "a message a line"
    assert "[]\n" in arrays, "without messages"
    assert any("\r\n" in text for text in events.values())
    assert any(text and not text.endswith(("\n", "]")) for text in events.values())
    tables = {
        name: text_of(name, data)
        for table in ("orders", "order_items")
        for name, data in files_of(folder, table).items()
    }
    headers = [text.splitlines()[0] for text in tables.values()]
    assert {re.search(r"[,;\t|]", header)[0] for header in headers} == set(",;\t|")
    assert any("status" in re.split("[,;]", header) for header in headers), "another name"
    assert any("\r\n" in text for text in tables.values())
    assert sum(data.startswith(b"\xef\xbb\xbf") for data in files.values()) >= 3


def test_every_kind_of_bad_record_is_there(base):
    _, reports, found = base
    events, orders, items = (reports[table] for table in TABLES)
    assert set(events.quarantine_reasons) == {"not_json", "not_an_object", "bad_bytes"}
    of_rows = {"wrong_field_count", "bad_bytes"}
    assert set(orders.quarantine_reasons) == of_rows | {"text_after_quote"}
    assert of_rows <= set(items.quarantine_reasons)
    assert set(events.rejection_reasons) >= {
        *("events missing", "events not a list", "codeColor missing"),
        *("timestamp_unixtime_ms missing", "timestamp_unixtime_ms not a time"),
    }
    for column in ("id", "order_date", "order_status", "device_type"):
        assert orders.rejection_reasons[f"{column} missing"]
    for column in ("id", "order_id", "code_color"):
        assert sum(n for why, n in items.rejection_reasons.items() if f"{column} missing" in why)
    assert any("; " in reasons for reasons in events.rejection_reasons)
    assert len(events.left_out_reasons) >= 8
    assert {0, 1, 2, 7} <= set(found["product_events"].shapes)
    for table in (orders, items):
        assert table.duplicate
        assert table.superseded
    assert items.rejection_reasons["order_id orphan order item"]
    assert events.redelivered


def test_the_shop_is_one_that_could_be(base):
    _, reports, found = base
    views, items = found["product_events"].views, found["order_items"].winners.values()
    orders = found["orders"].winners
    viewed = Counter(platform for platform, *_ in views)
    devices = [orders[item["order_id"]]["device_type"] for item in items]
    bought = Counter(DEVICES.get(device.lower(), device) for device in devices)
    for platform in VIEWED_ON:
        assert 0.02 < bought[platform] / viewed[platform] < 0.1, platform
    elsewhere = sum(count for platform, count in bought.items() if platform not in VIEWED_ON)
    assert reports["order_items"].notes["platform_without_views"] == elsewhere > 0
    unknown = sum(o["device_type"].lower() not in DEVICES for o in orders.values())
    assert reports["orders"].notes["unknown_device"] == unknown > 0
    products = Counter(product for _, _, product, _ in views)
    assert all(re.fullmatch(r"\d{8}_\d{3}", product) for product in products)
    assert products.most_common(1)[0][1] > 5 * len(views) / len(products), "none is popular"
    hours = Counter(viewed_at.hour for _, viewed_at, _, _ in views)
    assert min(hours[hour] for hour in range(18, 23)) > 2 * max(hours[hour] for hour in (2, 3, 4))
    known = {(DEVICES.get(p.lower(), p), product) for p, _, product, _ in views}
    seen = {product for _, product in known}
    assert all(item["code_color"] in seen for item in items), "bought, but never seen"
    assert any(price is None for *_, price in views)


def test_times_lie_around_midnight_and_the_end_of_a_month(base):
    _, _, found = base
    times = {viewed_at for _, viewed_at, _, _ in found["product_events"].views}
    assert {time.date().isoformat() for time in times} >= {
        *("2020-02-27", "2020-02-28", "2020-02-29", "2020-03-01", "2020-03-02")
    }
    last = timedelta(milliseconds=1)
    midnights = {time for time in times if (time.hour, time.minute, time.second) == (0, 0, 0)}
    exact = {time for time in midnights if not time.microsecond}
    assert {datetime(2020, 2, 29), datetime(2020, 3, 1)} <= exact
    assert any(time - last in times for time in exact)
    texts = " ".join(text_of(*file) for file in files_of(base[0], "product_events").items())
    assert re.search(r"999\.9999\b", texts), "a fraction that rounds up to midnight"


def test_orders_and_items_arrive_at_different_times(base):
    _, _, found = base
    orders, items = found["orders"].winners, found["order_items"].winners.values()
    days = {(day(item["file"]), day(orders[item["order_id"]]["file"])) for item in items}
    assert any(of_item < of_order for of_item, of_order in days)
    assert any(of_item > of_order for of_item, of_order in days)


def day(name: str) -> str:
    return re.search(r"\d{4}-\d{2}-\d{2}", name)[0]


@pytest.mark.parametrize("name", ["iOS/day.json", "iOS/day.jsonl", "iOS/day.jsonl.gz"])
def test_clean_product_events_have_the_size_that_was_asked_for(tmp_path, name):
    home = tmp_path / "storefront" / "product_events"
    records = {write_product_events(home / folder / name, 3_000_000) for folder in ("iOS", "Two")}
    one, two = files_of(tmp_path, "product_events").values()
    assert one == two
    text = text_of(name, one)
    assert abs(len(text) / 3_000_000 - 1) < 0.01
    assert text.startswith("[") is name.endswith(".json")
    (home / "Two" / name).unlink()
    found = read_product_events(tmp_path)
    assert records == {found.records} == {found.kept}
    assert found.shapes == {1: found.records}


def test_memory_does_not_grow_with_the_scale(tmp_path):
    peaks = []
    for scale in (40, 160):
        tracemalloc.start()
        storefront.write(tmp_path, scale, lambda records: None)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]
