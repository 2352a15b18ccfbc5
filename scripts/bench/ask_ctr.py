"""Ask for one day of hourly click-through rates again and again: a server, or DuckDB itself.

Usage: ask_ctr.py ADDRESS_OR_WAREHOUSE CLIENTS TIMES [PRODUCT]

Writes the median of the seconds of an answer, their 99th percentile, and how many rates it has.
"""

import http.client
import json
import sys
import threading
import time
from collections.abc import Callable
from statistics import median, quantiles
from urllib.parse import quote, urlencode, urlsplit

import duckdb

where, clients, times, *product = sys.argv[1:]
START, END = "2022-01-01 00:00:00", "2022-01-02 00:00:00"
SQL = (
    "select interval_start_at, platform, product_id, ctr"
    " from storefront.ctr(?::timestamp, ?::timestamp, 60, product := ?)"
)
seconds: list[float] = []
rates: set[int] = set()


def asker() -> Callable[[], int]:
    """What asks once, and returns how many rates there are."""
    if not where.startswith("http:"):
        cursor = database.cursor()
        values = [START, END, product[0] if product else None]
        return lambda: len(cursor.execute(SQL, values).fetchall())
    connection = http.client.HTTPConnection(urlsplit(where).netloc, timeout=600)
    asked = {"startTimestamp": START, "endTimestamp": END, "aggregation": 60}
    path = "/ctr?" + urlencode(
        asked | ({"product": product[0]} if product else {}), quote_via=quote
    )

    def over_http() -> int:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != http.client.OK:
            raise SystemExit(body.decode())
        return body.count(b"{")

    return over_http


def ask_often(ask: Callable[[], int]) -> None:
    """Ask as often as each client does."""
    for _ in range(int(times)):
        began = time.perf_counter()
        rates.add(ask())
        seconds.append(time.perf_counter() - began)


database = None if where.startswith("http:") else duckdb.connect(where, read_only=True)
first = asker()
for _ in range(3):
    first()
threads = [threading.Thread(target=ask_often, args=[asker()]) for _ in range(int(clients))]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
if len(seconds) != int(clients) * int(times) or len(rates) != 1:
    raise SystemExit(f"{len(seconds)} answers, with {rates} rates")
parts = {"p99": quantiles([*seconds, seconds[-1]], n=100, method="inclusive")[98]}
json.dump({"seconds": median(seconds), "parts": parts, "rates": rates.pop()}, sys.stdout)
