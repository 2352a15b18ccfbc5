"""Click-through rates over HTTP, beside the same question in the DuckDB client."""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import duckdb
from measure import (
    MB,
    Bench,
    BenchError,
    Bound,
    Line,
    Run,
    Runs,
    Section,
    plain_environment,
    program,
    run,
)

SCRIPTS = Path(__file__).parent
VIEW_BYTES = 400  # of a message with one event, as it is delivered
VIEWS_A_DAY = 42_000
PRODUCTS = 4_000
CLIENTS = (1, 32)
START = datetime(2022, 1, 1, tzinfo=UTC)
MEDIUM = 500 * MB


@dataclass(frozen=True)
class Case:
    """A question, and how often it is asked in all, from 500 MB on."""

    name: str
    product: str | None
    times: int


CASES = (Case("all products", None, 64), Case("one product", "p7", 640))


def measure_ctr(bench: Bench) -> Section:
    """Ask for one day of hourly click-through rates, over HTTP and in the DuckDB client.

    Args:
        bench: where to work, on how much, and how often.

    Raises:
        BenchError: if a program fails, or the two sides have different rows.
    """
    work = Path(tempfile.mkdtemp(prefix="run-", dir=bench.folder))
    runs = Runs()
    rows: dict[str, int] = {}
    try:
        warehouse, days = _generate(bench, work)
        with _serving(bench, warehouse) as address:
            for number in range(bench.rounds):
                bench.say(f"round {number + 1} of {bench.rounds}")
                for case in CASES:
                    for clients in CLIENTS:
                        share = min(1.0, bench.size_bytes / MEDIUM)
                        times = max(2, round(case.times * share) // clients)
                        sides = [_bare, _http] if number % 2 else [_http, _bare]
                        for side in sides:
                            where = str(warehouse) if side is _bare else address
                            found = side(where, case, clients, times)
                            if rows.setdefault(case.name, found["rows"]) != found["rows"]:
                                raise BenchError(f"the two sides have different rows: {case.name}")
                            _keep(runs, f"{side.__name__[1:]} {case.name} {clients}", found)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    facts = [f"Both sides have the same {count:,} rates of {name}." for name, count in rows.items()]
    for case in CASES:
        ours, theirs = (runs.median(f"{side} {case.name} 1", "p50") for side in ("http", "bare"))
        share = max(0.0, 1 - theirs / ours)
        facts.append(f"The server's share of the time, {case.name}, 1 client: {share:.0%}.")
    facts.append("The clients run on the same machine as the server, and take their share of it.")
    title = f"Click-through rates of one day, hourly, out of {days} days of {VIEWS_A_DAY:,} views"
    return Section(title, _lines(runs, bench.size_bytes), facts, runs.as_json())


def _lines(runs: Runs, size: int) -> list[Line]:
    lines = []
    for case in CASES:
        for clients in CLIENTS:
            asked = f"{case.name}, {clients} client{'s' if clients > 1 else ''}"
            for figure, unit in (("p50", "ms"), ("p99", "ms"), ("rate", "/s")):
                ours, theirs = (
                    runs.median(f"{side} {case.name} {clients}", figure)
                    for side in ("http", "bare")
                )
                is_bound = case.product is None and clients == 1 and figure == "p50"
                lines.append(
                    Line(
                        f"{asked}, {'requests' if figure == 'rate' else figure}",
                        unit,
                        ours,
                        theirs,
                        "DuckDB client",
                        Bound(1.3, MEDIUM) if is_bound else None,
                        size,
                    )
                )
    one = runs.median("http one product 1", "p50")
    lines.append(Line("one product, 1 client, p50", "ms", one, None, "", Bound(10, MEDIUM), size))
    return lines


def _keep(runs: Runs, name: str, found: dict[str, Any]) -> None:
    seconds = found["seconds"]
    figures = {
        "p50": median(seconds) * 1000,
        "p99": quantiles(seconds, n=100, method="inclusive")[98] * 1000,
        "rate": len(seconds) / found["whole"],
    }
    runs.add(name, Run(found["whole"], 0, "", time.time()), **figures)


def _bare(warehouse: str, case: Case, clients: int, times: int) -> dict[str, Any]:
    asked = {
        "warehouse": warehouse,
        "parameters": {
            "start": "2022-01-01 00:00:00",
            "end": "2022-01-02 00:00:00",
            "minutes": 60,
            "product": case.product,
        },
        "clients": clients,
        "times": times,
    }
    done = subprocess.run(
        [sys.executable, SCRIPTS / "bare_ctr.py"],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise BenchError(f"bare_ctr.py failed:\n{done.stderr.strip()}")
    return json.loads(done.stdout)


def _http(address: str, case: Case, clients: int, times: int) -> dict[str, Any]:
    where = urlsplit(address)
    parameters = {
        "startTimestamp": "2022-01-01 00:00:00",
        "endTimestamp": "2022-01-02 00:00:00",
        "aggregation": 60,
        **({"product": case.product} if case.product else {}),
    }
    path = f"/ctr?{urlencode(parameters, quote_via=quote)}"
    seconds: list[float] = []
    rows: list[int] = []
    failed: list[object] = []

    def ask(times: int) -> None:
        connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=600)
        with contextlib.closing(connection):
            for _ in range(times):
                began = time.perf_counter()
                try:
                    connection.request("GET", path)
                    answer = connection.getresponse()
                    body = answer.read()
                except OSError as error:
                    failed.append(error)
                    return
                seconds.append(time.perf_counter() - began)
                if answer.status != 200:
                    failed.append(body)
                    return
            rows.append(body.count(b"{"))

    ask(3)
    seconds.clear()
    threads = [threading.Thread(target=ask, args=[times]) for _ in range(clients)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    whole = time.perf_counter() - began
    if failed:
        raise BenchError(f"the server failed: {failed[0]!r}")
    return {"seconds": seconds, "whole": whole, "rows": rows[0]}


@contextlib.contextmanager
def _serving(bench: Bench, warehouse: Path) -> Iterator[str]:
    command = [program("casebook"), "serve", "--port", "0", "--warehouse", warehouse]
    server = subprocess.Popen(
        [str(part) for part in command],
        cwd=bench.project,
        env=plain_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert server.stdout
        first = server.stdout.readline()
        if not first.startswith("http://"):
            raise BenchError("casebook serve did not start; it needs the extra `serve`")
        yield first.split()[0]
    finally:
        server.terminate()
        server.wait()


def _generate(bench: Bench, work: Path) -> tuple[Path, int]:
    """A warehouse with the project's own tables and function, and as many views as asked for."""
    bench.say("building a warehouse with click-through rates")
    environment = plain_environment() | {
        "CASEBOOK_RAW": str(work / "raw"),
        "CASEBOOK_LAKE": str(work / "lake"),
        "CASEBOOK_WAREHOUSE": str(work / "warehouse.db"),
        "DBT_TARGET_PATH": str(work / "target"),
        "DBT_LOG_PATH": str(work / "logs"),
    }
    run([program("casebook"), "sample", work / "raw", "--quiet"], bench.project, environment)
    selection = ("--select", "+ctr", "builds", "--indirect-selection", "cautious")
    run([program("casebook"), "build", "--quiet", *selection], bench.project, environment)
    days = max(1, round(bench.size_bytes / VIEW_BYTES / VIEWS_A_DAY))
    views = days * VIEWS_A_DAY
    with duckdb.connect(str(work / "warehouse.db")) as connection:
        for table, at, number in (
            ("product_views", "viewed_at", views),
            ("purchases", "purchased_at", views // 20),
        ):
            # Popular products are viewed more often than others.
            connection.execute(
                f"""
                insert into storefront.{table}
                select
                    any_row.* replace (
                        make_timestamp(cast($start + n * $apart as bigint)) as {at},
                        ['Android', 'MobileWeb', 'iOS'][1 + n * 7 // 5 % 3] as platform,
                        'p' || cast(floor($products * pow(hash(n, 1) / pow(2, 64), 2)) as integer)
                            as product_id
                    )
                from range($number) as numbers (n)
                cross join (from storefront.{table} limit 1) as any_row
                order by n
                """,
                {
                    "start": START.timestamp() * 1e6,
                    "apart": days * 86400e6 / number,
                    "number": number,
                    "products": PRODUCTS,
                },
            )
        connection.execute("checkpoint")
    return work / "warehouse.db", days
