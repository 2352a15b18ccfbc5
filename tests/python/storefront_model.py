"""The storefront's rules once more, in plain Python over the raw files."""

from __future__ import annotations

import csv
import gzip
import json
import math
import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

WITH_VIEWS = ("Android", "MobileWeb", "iOS")
DEVICES = {
    "android": "Android",
    "ios": "iOS",
    "ipad": "iOS",
    "iphone": "iOS",
    "mobile web": "MobileWeb",
    "mobile_web": "MobileWeb",
    "mobileweb": "MobileWeb",
    "desktop": "Desktop",
}
LOCAL_EPOCH = datetime(1970, 1, 1) - timedelta(hours=3)
Rate = tuple[datetime, str, str, int, int, Decimal | None]


@dataclass
class Storefront:
    """What the marts must hold. Rows are tuples, in any order.

    Attributes:
        views: time, platform, product, file, record, item.
        orders: by id: time, status, platform.
        purchases: time, platform, product, order, item id, status, file, record.
        rejected: file, record, item or None.
        left_out: items by file, reason and kind.
        outcomes: by file, how many items came to which end.
    """

    views: list[tuple] = field(default_factory=list)
    orders: dict[int, tuple] = field(default_factory=dict)
    purchases: list[tuple] = field(default_factory=list)
    rejected: list[tuple] = field(default_factory=list)
    left_out: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    outcomes: dict[str, Counter[str]] = field(default_factory=dict)

    def rates(
        self,
        start: datetime,
        end: datetime,
        minutes: int,
        product: str | None = None,
        platform: str | None = None,
        from_midnight: bool = False,
    ) -> list[Rate]:
        """The rows that `ctr` must give; intervals from midnight as `ctr_by_interval` has them."""
        length = timedelta(minutes=minutes)
        counts: dict[tuple[datetime, str, str], list[int]] = {}
        for column, happened in enumerate((self.views, self.purchases)):
            for at, on, what, *_ in happened:
                if not start <= at < end or on not in WITH_VIEWS:
                    continue
                if product not in (None, what) or platform not in (None, on):
                    continue
                origin = datetime.combine(at, datetime.min.time()) if from_midnight else start
                interval = origin + (at - origin) // length * length
                counts.setdefault((interval, on, what), [0, 0])[column] += 1
        return sorted(
            (*key, views, bought, rate(views, bought)) for key, (views, bought) in counts.items()
        )


def rate(views: int, purchases: int) -> Decimal | None:
    """Four decimals, half up, exactly."""
    if not views:
        return None
    return Decimal(math.floor(Fraction(purchases, views) * 10_000 + Fraction(1, 2))).scaleb(-4)


def local_time(milliseconds: object) -> datetime | None:
    text = str(milliseconds).strip()
    if isinstance(milliseconds, bool) or not re.fullmatch(r"[+-]?\d{1,18}(\.\d*)?", text):
        return None
    try:
        return LOCAL_EPOCH + timedelta(milliseconds=math.floor(Fraction(text.rstrip("."))))
    except OverflowError:
        return None


def read(raw: Path, excluded: Collection[str] = ()) -> Storefront:
    """Apply the rules to the raw files below `raw`."""
    found = Storefront()
    add_events(found, raw)
    orders = winners(found, raw, "orders", order)
    items = winners(found, raw, "order_items", order_item)
    for file, _, (number, at, status, platform, *_) in orders:
        found.orders[number] = (at, status, platform)
        found.outcomes[file]["kept"] += 1
    for file, record, (number, order_id, product, *_) in items:
        if order_id not in found.orders:
            found.rejected.append((file, record, None))
            found.outcomes[file]["rejected"] += 1
            continue
        at, status, platform = found.orders[order_id]
        if status in excluded:
            found.left_out[file, "excluded_order_status", status] += 1
            found.outcomes[file]["left_out"] += 1
            continue
        found.purchases.append((at, platform, product, order_id, number, status, file, record))
        found.outcomes[file]["kept"] += 1
        if platform not in WITH_VIEWS:
            found.left_out[file, "platform_without_views", platform] += 1
    return found


def files_of(raw: Path, table: str) -> list[str]:
    paths = [path for path in (raw / "storefront" / table).rglob("*") if path.is_file()]
    return sorted((str(path.relative_to(raw)) for path in paths), key=str.encode)


def add_events(found: Storefront, raw: Path) -> None:
    seen: set[tuple[str, bytes]] = set()
    for file in files_of(raw, "product_events"):
        platform = file.split("/")[2]
        content = (raw / file).read_bytes()
        messages = json.loads(
            gzip.decompress(content) if file.endswith(".gz") else content, parse_float=Decimal
        )
        outcomes = found.outcomes[file] = Counter()
        if (platform, content) in seen:
            outcomes["redelivered"] = len(messages)
            continue
        seen.add((platform, content))
        for record, message in enumerate(messages, start=1):
            events = message.get("events")
            if not isinstance(events, list):
                outcomes["rejected"] += 1
                found.rejected.append((file, record, None))
                continue
            for item, event in enumerate(events, start=1):
                event = event if isinstance(event, dict) else {}
                data = event.get("data", {})
                kind = (event.get("event_type"), data.get("event_name"))
                if kind != ("custom_event", "product"):
                    outcomes["left_out"] += 1
                    name = f"{kind[0] or '(no type)'} {kind[1] or '(no name)'}"
                    found.left_out[file, "not_a_product_view", name] += 1
                    continue
                at = local_time(data.get("timestamp_unixtime_ms"))
                product = (data.get("custom_attributes", {}).get("codeColor") or "").strip()
                if at is None or not product:
                    outcomes["rejected"] += 1
                    found.rejected.append((file, record, item))
                    continue
                outcomes["kept"] += 1
                found.views.append((at, platform, product, file, record, item))


def winners(found: Storefront, raw: Path, table: str, parse: Any) -> list[tuple[str, int, tuple]]:
    """The last accepted record of each id; the others are put among the outcomes."""
    accepted: list[tuple[str, int, tuple]] = []
    for file in files_of(raw, table):
        found.outcomes[file] = Counter()
        for record, row in rows(raw / file):
            parsed = parse(row)
            if parsed is None:
                found.rejected.append((file, record, None))
                found.outcomes[file]["rejected"] += 1
            else:
                accepted.append((file, record, parsed))
    last = {parsed[0]: (file, record, parsed) for file, record, parsed in accepted}
    for file, record, parsed in accepted:
        winner = last[parsed[0]]
        if winner[:2] != (file, record):
            found.outcomes[file]["duplicate" if parsed == winner[2] else "superseded"] += 1
    return list(last.values())


def rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    with path.open(newline="", encoding="utf-8") as file:
        yield from enumerate(csv.DictReader(file), start=1)


def order(row: dict[str, str]) -> tuple | None:
    """Id, time, status, platform; then what else tells two records of an order apart."""
    status = row.get("order_status", row.get("status", "")).strip()
    device = row.get("device_type", row.get("device", "")).strip()
    try:
        number = int(row["id"])
        at = datetime.fromisoformat(row["order_date"])
    except ValueError:
        return None
    if not status or not device:
        return None
    platform = DEVICES.get(device.lower(), device)
    return number, at, status, platform, device, row["user_id"], row["order_total"]


def order_item(row: dict[str, str]) -> tuple | None:
    """Id, order, product; then what else tells two records of an item apart."""
    try:
        number, order_id = int(row["id"]), int(row["order_id"])
        quantity = int(row["quantity"])
    except ValueError:
        return None
    product = row["code_color"].strip()
    return (number, order_id, product, row["sku"], quantity) if product else None
