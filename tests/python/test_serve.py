"""The HTTP API, over loopback: what it answers and refuses, and what happens during a build."""

from __future__ import annotations

import csv
import json
import shutil
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import duckdb
import httpx
import pytest
from asking import CSV, JSON, LARGE, on_linux, problems
from marts import ENDPOINTS, SELECTION, declare
from shop import (
    END,
    KNOWN,
    ODD,
    PLATFORMS,
    RATES,
    START,
    Server,
    as_csv,
    asked,
    client_of,
    newest_build,
    publish,
    question,
    random_shop,
    serving,
)
from workbench import Workbench

QUESTIONS = [
    {},
    {"minutes": 1},
    {"minutes": 7, "start": START + timedelta(hours=9, minutes=59, seconds=58)},
    {"minutes": 1440, "platform": "iOS"},
    {"minutes": 10**9},
    {"minutes": 60, "product": KNOWN},
    {"minutes": 60, "product": ODD, "platform": "Android"},
    {"minutes": 60, "end": START + timedelta(hours=10)},
    {"minutes": 60, "product": "nobody knows it"},
    {"start": datetime(1, 1, 1), "end": datetime(9999, 12, 31, 23, 59, 59), "minutes": 525_600},
]


# --- Content


@pytest.mark.parametrize("values", QUESTIONS, ids=str)
def test_the_answer_is_what_plain_python_works_out(client, shop, values):
    expected = asked(shop.rates(**values))
    got = client.get("/ctr", params=question(**values))
    assert got.status_code == 200, got.text
    assert got.headers["content-type"] == JSON
    assert got.text == expected
    json.loads(got.text)
    assert client.post("/ctr", json=question(**values)).text == expected
    as_text = client.get("/ctr", params=question(**values), headers={"accept": CSV})
    assert as_text.headers["content-type"].startswith(CSV)
    assert as_text.text == as_csv(RATES, shop.rates(**values))


def test_a_rate_is_a_number_with_four_decimals_or_null(client):
    at_ten = question(START + timedelta(hours=10), START + timedelta(hours=10, minutes=30))
    one = client.get("/ctr", params=at_ten | {"product": KNOWN, "platform": "MobileWeb"})
    assert one.text == (
        '[{"timestamp":"2022-03-01 10:00:00","platform":"MobileWeb","product":"20013509_825",'
        '"CTR":0.0150}]\n'
    )
    every = client.get("/ctr", params=question()).text
    assert '"CTR":null}' in every
    assert '"CTR":0.0000}' in every


def test_an_interval_may_be_longer_than_anything(client, shop):
    for minutes in (2**63, 10**30, "9" * 5000):
        got = client.get("/ctr", params=question(minutes=minutes))
        assert got.text == asked(shop.rates(minutes=10**9))


def test_numbers_of_a_json_body_may_be_texts_and_optional_values_null(client, shop):
    for aggregation in ("60", "060", 60.0):
        sent = question() | {"aggregation": aggregation, "product": None, "platform": None}
        assert client.post("/ctr", json=sent).text == asked(shop.rates())


# --- Formats


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("text/csv", CSV),
        ("TEXT/CSV; header=present", CSV),
        ("text/*", CSV),
        ("application/*", JSON),
        ("text/csv;q=0.5, application/json;q=0.4", CSV),
        ("text/csv, application/json", JSON),
        ("text/html,application/xhtml+xml,*/*;q=0.8", JSON),
        ("application/json;q=0, */*;q=0.1", CSV),
        ("text/html", None),
        ("application/json;q=0", None),
        ("*/*;q=0", None),
        ("text/csv;q=much", None),
        ("nonsense", None),
    ],
)
def test_the_format_is_chosen_by_accept(client, accept, media):
    got = client.get("/ctr", params=question(), headers={"accept": accept})
    if media:
        assert got.headers["content-type"].split(";")[0] == media
        assert got.headers["vary"] == "Accept, Accept-Encoding"
    else:
        assert got.status_code == 406
        assert CSV in got.json()["error"]


# --- What is refused

WRONG_TIMES = [
    "",
    "yesterday",
    "2022-03-01",
    "2022-03-01T00:00:00",
    "2022-02-30 00:00:00",
    "2022-03-01 24:00:00",
    "2022-3-1 0:0:0",
    "0000-01-01 00:00:00",
    " 2022-03-01 00:00:00",
    "2022-03-01 00:00:00\n",
    "2022-03-01 00:00:00.000",
    "2022-03-01 00:00:00+00",
    "２０２２-03-01 00:00:00",
]
WRONG = [
    *(("startTimestamp", value) for value in WRONG_TIMES),
    *(("endTimestamp", value) for value in WRONG_TIMES),
    *(("endTimestamp", value) for value in ("2022-03-01 00:00:00", "2021-01-01 00:00:00")),
    *(("aggregation", value) for value in ("", "0", "-1", "1.5", "1e2", "x", "٣", " 60", "00")),
    ("product", ""),
    ("product", "x" * 201),
    *(("platform", value) for value in ("", "ios", "Desktop", "iOS ")),
    ("limit", "10"),
    ("Product", KNOWN),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_wrong_value_is_named_with_what_was_sent_and_what_is_expected(client, name, value):
    sent = question() | {name: value}
    for answer in (client.get("/ctr", params=sent), client.post("/ctr", json=sent)):
        assert list(problems(answer)) == [name]
        one = problems(answer)[name]
        assert one["sent"] == (value if len(value) <= 200 else value[:200] + "…")
        assert one["expected"]


@pytest.mark.parametrize("name", ["startTimestamp", "endTimestamp", "aggregation"])
def test_a_value_that_is_missing_or_comes_twice_is_named(client, name):
    sent = question()
    value = sent.pop(name)
    for answer in (
        client.get("/ctr", params=sent),
        client.post("/ctr", json=sent),
        client.post("/ctr", json=sent | {name: None}),
    ):
        assert list(problems(answer)) == [name]
        assert problems(answer)[name]["sent"] is None
    twice = client.get("/ctr", params=[*question().items(), (name, "5")])
    assert problems(twice)[name]["sent"] == [str(value), "5"]
    body = json.dumps(question())[:-1] + f', "{name}": 5}}'
    twice = client.post("/ctr", content=body, headers={"content-type": JSON})
    assert problems(twice)[name]["sent"] == [value, 5]


def test_there_are_a_million_intervals_at_most(client):
    start = datetime(2020, 1, 1)
    most = question(start, start + timedelta(minutes=1_000_000), 1)
    assert client.get("/ctr", params=most).status_code == 200
    more = question(start, start + timedelta(minutes=1_000_000, seconds=1), 1)
    assert "2 or more" in problems(client.get("/ctr", params=more))["aggregation"]["expected"]
    assert client.get("/ctr", params=more | {"aggregation": 2}).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"startTimestamp=2022",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b'{"aggregation": NaN}',
        b'{"aggregation": 1e400}',
        b"\xff{}",
        b"[" * 60_000,
        b'{"product": ' + b"[" * 30_000,
    ],
    ids=lambda body: body[:20],
)
def test_a_body_that_is_no_json_object_is_refused(client, body):
    answer = client.post("/ctr", content=body, headers={"content-type": JSON})
    assert answer.status_code == 400
    assert "body" in answer.json()["error"]


@pytest.mark.parametrize("value", [True, [], {"a": {"b": 1}}, 1, -0.5, "\ud800", [[[]]]], ids=repr)
@pytest.mark.parametrize("name", ["startTimestamp", "product", "platform", "aggregation", "\ud800"])
def test_json_values_of_the_wrong_type_are_refused(client, name, value):
    if (name, value) == ("aggregation", 1) and value is not True:
        pytest.skip("that one is right")
    body = json.dumps(question() | {name: value})
    answer = client.post("/ctr", content=body, headers={"content-type": JSON})
    assert len(problems(answer)) == 1
    assert ascii(name)[1:-1] in ascii(next(iter(problems(answer))))


def test_other_requests_get_their_own_errors(client):
    body = json.dumps(question())
    for media in ("text/plain", "application/x-www-form-urlencoded", ""):
        answer = client.post("/ctr", content=body, headers={"content-type": media})
        assert (answer.status_code, JSON in answer.json()["error"]) == (415, True)
    fine = client.post("/ctr", content=body, headers={"content-type": f"{JSON}; charset=utf-8"})
    assert fine.status_code == 200
    long = client.post("/ctr", content=b" " * 70_000, headers={"content-type": JSON})
    assert long.status_code == 413
    assert client.post("/ctr?product=x", json=question()).status_code == 400
    for method in ("PUT", "DELETE", "PATCH"):
        refused = client.request(method, "/ctr")
        assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD, POST")


# --- Health, headers, description


def test_health_says_which_build_is_served(client, built_marts):
    with duckdb.connect(str(built_marts.warehouse), read_only=True) as connection:
        (views,) = connection.execute("select count(*) from storefront.product_views").fetchone()
        build_id = newest_build(connection)
    got = client.get("/health")
    assert got.status_code == 200
    body = got.json()
    assert body["build_id"] == build_id == got.headers["casebook-build"]
    assert body["rows_per_mart"]["storefront.product_views"] == views
    written = datetime.fromisoformat(body["published_at"].replace("Z", "+00:00")).timestamp()
    assert abs(written - built_marts.warehouse.stat().st_mtime) < 1


def test_the_description_covers_what_there_is(client):
    described = client.get("/openapi.json").json()
    ctr = described["paths"]["/ctr"]
    named = {one["name"]: one for one in ctr["get"]["parameters"]}
    assert set(named) == {*question(product="", platform=""), "bom", "If-None-Match"}
    assert named["platform"]["schema"]["enum"] == sorted(PLATFORMS)
    examples = {name: one["example"] for name, one in named.items() if "example" in one}
    assert client.get("/ctr", params=examples).status_code == 200
    body = ctr["post"]["requestBody"]["content"][JSON]["example"]
    assert client.post("/ctr", json=body).status_code == 200
    for operation in ctr.values():
        assert set(operation["responses"]["200"]["content"]) == {JSON, CSV}
        assert set(operation["responses"]["200"]["headers"]) == {"Casebook-Build", "ETag"}
    listed = client.get("/").json()
    assert set(listed) == {*described["paths"], "/docs", "/openapi.json"}
    for path, operations in described["paths"].items():
        assert listed[path] == operations["get"]["summary"]
    assert client.get("/docs").status_code == 200


# --- Long answers


@on_linux
@pytest.mark.parametrize(
    ("path", "given", "media"),
    [
        ("/ctr", LARGE, JSON),
        ("/ctr", LARGE, CSV),
        ("/movies/company-genre-years", {"genreId": 500}, JSON),
        ("/movies/company-genre-years", {"genreId": 500}, CSV),
    ],
)
def test_a_long_answer_is_streamed_and_not_held(streaming, path, given, media):
    before, text = streaming.memory("VmRSS"), ""
    with (
        client_of(streaming, **{"accept": media, "accept-encoding": "identity"}) as client,
        client.stream("GET", path, params=given) as answer,
    ):
        assert answer.headers["transfer-encoding"] == "chunked"
        if path != "/ctr":
            assert answer.headers["casebook-total-rows"] == "400000"
        for piece in answer.iter_text():
            if not text:
                # The server waits for a slow client rather than write everything into memory.
                time.sleep(0.5)
            text += piece
    assert streaming.memory("VmHWM") - before < 200_000_000
    rows = json.loads(text) if media == JSON else [*csv.DictReader(text.splitlines())]
    numbers = {row.get("product", row.get("company_name", "")).split()[-1] for row in rows}
    assert len(rows) == len(numbers) == 400_000
    if path == "/ctr":
        assert [row["timestamp"] for row in rows] == sorted(row["timestamp"] for row in rows)


@pytest.fixture(scope="module")
def streaming(large) -> Iterator[Server]:
    with serving(large, "--memory", "150MB") as server:
        httpx.get(f"{server.url}/ctr", params=question(), timeout=60).raise_for_status()
        yield server


def begin(server: Server) -> socket.socket:
    """Ask for a long answer, and read no more than how it begins."""
    where = urlsplit(server.url)
    one = socket.create_connection((where.hostname, where.port))
    query = httpx.QueryParams(LARGE)
    head = f"GET /ctr?{query} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    one.sendall(head.encode())
    assert one.recv(12) == b"HTTP/1.1 200"
    return one


def rest(one: socket.socket) -> bytes:
    with one:
        return b"".join(iter(lambda: one.recv(1 << 20), b""))


@on_linux
def test_an_answer_goes_on_from_its_own_build_and_an_old_build_is_closed(large, tmp_path):
    warehouse = Path(shutil.copy(large, tmp_path / "warehouse.db"))

    def open_builds() -> int:
        return sum("warehouse.db" in file for file in server.open_files())

    with serving(warehouse) as server, client_of(server) as client:
        slow, given_up = begin(server), begin(server)
        new = publish(warehouse, "delete from storefront.product_views")
        assert client.get("/health").json()["build_id"] == new
        assert client.get("/ctr", params=LARGE).text == "[]\n"
        assert open_builds() == 2
        given_up.close()
        assert rest(slow).count(b'"platform"') == 400_000
        until = time.monotonic() + 10
        while open_builds() > 1 and time.monotonic() < until:
            time.sleep(0.05)
        assert open_builds() == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_lets_answers_end_and_is_no_failure(large, number):
    with serving(large) as server:
        one = begin(server)
        server.process.send_signal(number)
        time.sleep(0.3)
        assert rest(one).count(b'"platform"') == 400_000
        assert server.process.wait(timeout=20) == 0


# --- Builds that are published meanwhile


def test_nothing_is_published_yet_and_then_it_is(built_marts, shop, tmp_path):
    path = tmp_path / "here" / "warehouse.db"
    with serving(path) as server, client_of(server) as client:

        def refused(named: str, *addresses: str) -> None:
            for address in addresses or ("/health", "/ctr", "/nothing"):
                answer = client.get(address, params=question())
                assert answer.status_code == 503
                assert named in answer.text
                assert str(tmp_path) not in answer.text
                assert not {"casebook-build", "etag"} & set(answer.headers)

        refused("casebook build", *(endpoint.example for endpoint in ENDPOINTS))
        refused("nothing is published")
        for address in ("/", "/docs", "/openapi.json"):
            answer = client.get(address)
            assert answer.status_code == 200
            assert not {"casebook-build", "etag"} & set(answer.headers)
        path.parent.mkdir()
        path.write_bytes(b"no database")
        refused("cannot be read")
        path.unlink()
        with duckdb.connect(str(path)) as connection:
            connection.execute("create table t as select 1 as n")
        refused("audit.builds")
        wrong = {"api": {"path": "/wrong", "sorted": "by name"}}
        publish(path, like=built_marts.warehouse)
        with duckdb.connect(str(path)) as connection:
            declare(connection, "one", "movies.genre_year_facts", {}, wrong)
        for named in ("the model one", "config.meta.api", "sorted"):
            refused(named)
        publish(path, like=built_marts.warehouse)
        assert client.get("/ctr", params=question()).text == asked(shop.rates())
        for endpoint in ENDPOINTS:
            assert client.get(endpoint.example).status_code == 200
        assert client.get("/").headers["etag"]
        # Neither a file that is gone nor one that is broken takes the last good build away.
        path.unlink()
        assert client.get("/ctr", params=question()).text == asked(shop.rates())
        path.write_bytes(b"no database")
        assert client.get("/ctr", params=question()).text == asked(shop.rates())
        path.unlink()
        new = publish(path, like=built_marts.warehouse)
        assert client.get("/health").json()["build_id"] == new
    assert any("still serving build" in line for line in server.errors)


def test_a_build_is_published_while_requests_are_answered(built_marts, warehouse, shop):
    more = random_shop(2, START + timedelta(days=1))
    bench = Workbench(built_marts.root, built_marts.project)
    bench.warehouse = warehouse
    both = type(shop)([*shop.views, *more.views], [*shop.purchases, *more.purchases])
    ends = END + timedelta(days=2)
    before, after = asked(shop.rates(end=ends)), asked(both.rates(end=ends))
    assert before != after
    answers: list[tuple[str, str]] = []
    stop = threading.Event()

    def keep_asking() -> None:
        with client_of(server) as client:
            while not stop.wait(0.1):  # leaves the machine to the build
                sent = question(end=ends)
                for one in (client.get("/ctr", params=sent), client.post("/ctr", json=sent)):
                    one.raise_for_status()
                    answers.append((one.headers["casebook-build"], one.text))

    with serving(bench.warehouse) as server, ThreadPoolExecutor() as pool:
        asking = [pool.submit(keep_asking) for _ in range(4)]
        try:
            more.write(bench.raw, "b")
            bench.casebook("build", "--quiet", "--select", *SELECTION)
            published = httpx.get(f"{server.url}/health").json()["build_id"]
            asked_before = len(answers)
            while len(answers) < asked_before + 40 and not all(one.done() for one in asking):
                time.sleep(0.05)
        finally:
            stop.set()
        for one in asking:
            one.result()
    texts = {build: {text for of, text in answers if of == build} for build, _ in answers}
    assert texts.pop(published) == {after}
    assert list(texts.values()) == [{before}]


def test_short_answers_are_not_held_back(client):
    """A socket that waits for more to send, at a client that waits to confirm, waits 40 ms."""
    seconds = []
    for _ in range(30):
        began = time.perf_counter()
        client.get("/health").raise_for_status()
        seconds.append(time.perf_counter() - began)
    assert median(seconds) < 0.035


# --- The command


def test_the_command_says_where_it_listens_and_nothing_more(server, warehouse):
    assert server.first.startswith("http://127.0.0.1:")
    httpx.get(f"{server.url}/health").raise_for_status()
    assert [line for line in server.output if "GET" in line] == []
    with serving(warehouse, "--log") as logging:
        httpx.get(f"{logging.url}/health").raise_for_status()
    assert any("GET /health" in line for line in logging.output)


@pytest.mark.parametrize(
    ("options", "status", "named"),
    [
        (("--host", "127.0.0.1"), 1, ("another program listens", "--port")),
        (("--host", "192.0.2.1"), 1, ("cannot listen", "--port")),
        (("--trusted-proxy", "proxy"), 2, ("--trusted-proxy",)),
    ],
)
def test_what_cannot_be_listened_on_or_trusted_is_an_error(
    server, warehouse, options, status, named
):
    port = str(urlsplit(server.url).port)
    failed = Workbench(warehouse.parent).casebook("serve", "--port", port, *options, status=status)
    for text in named:
        assert text in failed.stderr
    assert "Traceback" not in failed.stderr


def test_without_its_packages_the_command_says_how_to_get_them(warehouse):
    program = (
        "import sys; sys.modules['fastapi'] = None; from casebook.cli.main import main; main()"
    )
    bench = Workbench(warehouse.parent, starts_anew=True)
    done = bench.run("python", "-c", program, "serve", status=1)
    for text in ("fastapi", "make serve", "[serve]"):
        assert text in done.stderr
