"""A small shop: its raw files, its rates worked out in plain Python, and a server for them."""

from __future__ import annotations

import csv
import io
import json
import random
import shutil
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import duckdb
import httpx

TIME = "%Y-%m-%d %H:%M:%S"
FROM_GMT = timedelta(hours=-3)
START, END = datetime(2022, 3, 1), datetime(2022, 3, 3)
PLATFORMS = ("Android", "MobileWeb", "iOS")
DEVICES = {"iphone": "iOS", "ANDROID": "Android", "mobile web": "MobileWeb", "desktop": None}
# 3 purchases over 200 views are 0.0150, and no double says that.
KNOWN = "20013509_825"
ODD = 'n°7 "blue, très\\chic"'
PRODUCTS = (ODD, *(f"2000{number:04}_001" for number in range(11)))

Event = tuple[datetime, str, str]
Rate = tuple[str, str, str, Decimal | None]
RATES = ("timestamp", "platform", "product", "CTR")


@dataclass
class Shop:
    """What was viewed and bought: time in GMT−03:00, platform, product."""

    views: list[Event] = field(default_factory=list)
    purchases: list[tuple[datetime, str, str]] = field(default_factory=list)

    def rates(
        self,
        start: datetime = START,
        end: datetime = END,
        minutes: int = 60,
        product: str | None = None,
        platform: str | None = None,
    ) -> list[Rate]:
        """What `/ctr` has to answer, sorted."""

        def counted(events: list[Event]) -> Counter[tuple[str, str, str]]:
            return Counter(
                ((start + (at - start) // length * length).isoformat(" "), on, what)
                for at, on, what in events
                if start <= at < end and product in (None, what) and platform in (None, on)
            )

        length = timedelta(minutes=minutes)
        bought = [(at, DEVICES[device], what) for at, device, what in self.purchases]
        views, purchases = counted(self.views), counted([one for one in bought if one[1]])
        return [
            (*key, _share(purchases[key], views[key]))
            for key in sorted({*views, *purchases}, key=lambda key: [k.encode() for k in key])
        ]

    def write(self, raw: Path, name: str) -> None:
        """Write the raw files, one of each kind, as JSON lines."""
        for platform in PLATFORMS:
            messages = [_message(at, product) for at, on, product in self.views if on == platform]
            _write(raw / "storefront" / "product_events" / platform / f"{name}.json", messages)
        orders, items = [], []
        for number, (at, device, product) in enumerate(self.purchases):
            key = f"{ord(name[0])}{number:06}"
            orders.append(
                {
                    "id": key,
                    "user_id": "1",
                    "order_date": at.strftime(TIME),
                    "order_status": "complete",
                    "device_type": device,
                }
            )
            items.append(
                {"id": key, "order_id": key, "sku": "1", "quantity": "2", "code_color": product}
            )
        _write(raw / "storefront" / "orders" / f"{name}.jsonl", orders)
        _write(raw / "storefront" / "order_items" / f"{name}.jsonl", items)


def random_shop(seed: int, start: datetime = START) -> Shop:
    """A shop with views and purchases on two days, some of them on the edges of hours."""
    chance = random.Random(seed)

    def at() -> datetime:
        seconds = chance.randrange(2 * 24 * 60 * 60)
        if chance.random() < 0.1:
            seconds -= seconds % 3600
        return start + timedelta(seconds=seconds)

    views = [(at(), chance.choice(PLATFORMS), chance.choice(PRODUCTS)) for _ in range(900)]
    bought = [(at(), chance.choice(list(DEVICES)), chance.choice(PRODUCTS)) for _ in range(150)]
    ten = start + timedelta(hours=10)
    views += [(ten + timedelta(seconds=n), "MobileWeb", KNOWN) for n in range(200)]
    bought += [(ten + timedelta(minutes=n), "mobile web", KNOWN) for n in range(3)]
    return Shop([*views, (start + timedelta(days=2), "iOS", KNOWN)], bought)


def as_json(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Rows as the JSON text that the API sends, worked out by Python."""

    def shown(value: object) -> str:
        if value is None:
            return "null"
        if isinstance(value, Decimal):
            return format(value, "f")
        return json.dumps(value, ensure_ascii=False)

    names = [json.dumps(name, ensure_ascii=False) for name in columns]
    lines = (
        ",".join(f"{name}:{shown(value)}" for name, value in zip(names, row, strict=True))
        for row in rows
    )
    return "[" + ",\n".join(f"{{{line}}}" for line in lines) + "]\n"


def as_csv(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Rows as comma-separated values."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow(
            "" if one is None else format(one, "f") if isinstance(one, Decimal) else one
            for one in row
        )
    return text.getvalue()


def asked(rates: list[Rate]) -> str:
    """Rates as the JSON text that `/ctr` sends."""
    return as_json(RATES, rates)


def question(
    start: datetime = START, end: datetime = END, minutes: int = 60, **more: object
) -> dict[str, Any]:
    """The parameters of `/ctr`."""
    return {
        "startTimestamp": start.isoformat(" "),
        "endTimestamp": end.isoformat(" "),
        "aggregation": minutes,
        **{name: value for name, value in more.items() if value is not None},
    }


def publish(warehouse: Path, *statements: str, like: Path | None = None) -> str:
    """Publish another build by a rename, as `casebook build` does, and say its build_id."""
    candidate = warehouse.with_name("next.db")
    shutil.copyfile(like or warehouse, candidate)
    with duckdb.connect(str(candidate)) as connection:
        connection.execute(
            "insert into audit.builds by name select uuid() as build_id, '{}' as rows_per_mart,"
            " max(build_number) + 1 as build_number,"
            " min(started_at) - interval 1 second as started_at from audit.builds"
        )
        for statement in statements:
            connection.execute(statement)
        build_id = newest_build(connection)
        connection.execute("checkpoint")
    candidate.replace(warehouse)
    return build_id


def newest_build(connection: duckdb.DuckDBPyConnection) -> str:
    """The build_id of a warehouse."""
    return str(
        connection.execute(
            "select build_id from audit.builds order by build_number desc limit 1"
        ).fetchone()[0]
    )


class Server:
    """`casebook serve` in a process of its own, on a free port of the loopback."""

    def __init__(self, warehouse: Path, *options: str, before: tuple[str, ...] = ()) -> None:
        self.process = subprocess.Popen(
            [
                *before,
                str(Path(sys.executable).with_name("casebook")),
                "serve",
                *("--port", "0", "--warehouse", str(warehouse)),
                *options,
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.first = self.process.stdout.readline()
        self.url = self.first.split(" ")[0]
        self.output, self.errors = [], []
        self._readers = [
            threading.Thread(target=lines.extend, args=[stream])
            for lines, stream in (
                (self.output, self.process.stdout),
                (self.errors, self.process.stderr),
            )
        ]
        for reader in self._readers:
            reader.start()

    def memory(self, figure: str) -> int:
        """Bytes of memory that Linux reports: VmRSS now, or VmHWM at most so far."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split(f"{figure}:")[1].split()[0]) * 1024

    def open_files(self) -> list[str]:
        """The files that it has open."""
        found = []
        for link in Path(f"/proc/{self.process.pid}/fd").iterdir():
            try:
                found.append(str(link.readlink()))
            except FileNotFoundError:
                continue
        return found

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Stop it, and give its exit status."""
        self.process.send_signal(number)
        status = self.process.wait(timeout=30)
        for reader in self._readers:
            reader.join()
        return status


@contextmanager
def serving(warehouse: Path, *options: str, before: tuple[str, ...] = ()) -> Iterator[Server]:
    """A server that is stopped in the end, as it should be, and has written no traceback."""
    server = Server(warehouse, *options, before=before)
    try:
        yield server
    finally:
        status = server.stop() if server.process.poll() is None else 0
    assert status == 0
    assert "Traceback" not in "".join(server.errors), "".join(server.errors)


def client_of(server: Server, **headers: str) -> httpx.Client:
    """A client of a server."""
    return httpx.Client(base_url=server.url, timeout=60, headers=headers)


def _share(purchases: int, views: int) -> Decimal | None:
    if not views:
        return None
    return (Decimal(purchases) / views).quantize(Decimal("0.0001"), ROUND_HALF_UP)


def _message(at: datetime, product: str) -> dict[str, Any]:
    milliseconds = round((at - FROM_GMT - datetime(1970, 1, 1)).total_seconds() * 1000)
    data = {
        "event_name": "product",
        "timestamp_unixtime_ms": milliseconds,
        "custom_attributes": {"codeColor": product, "actualPrice": "1.5"},
    }
    return {"events": [{"data": data, "event_type": "custom_event"}]}


def _write(path: Path, records: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
