"""The HTTP API, over loopback: what it answers and refuses, and what happens during a build."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import duckdb
import httpx
import pytest
from asking import CSV, JSON, NASTY, on_linux, problems
from shop import (
    END,
    KNOWN,
    ODD,
    ONLY_THE_SHOP,
    PLATFORMS,
    START,
    Server,
    as_csv,
    asked,
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


@pytest.fixture(scope="module")
def server(built_shop):
    with serving(built_shop.warehouse) as running:
        yield running


@pytest.fixture
def client(server):
    with httpx.Client(base_url=server.url, timeout=60) as one:
        yield one


@pytest.fixture
def warehouse(built_shop, tmp_path) -> Path:
    """A warehouse of a test's own."""
    return Path(shutil.copy(built_shop.warehouse, tmp_path / "warehouse.db"))


@pytest.fixture(scope="module")
def large(built_shop, tmp_path_factory) -> Path:
    """A warehouse in which a question has 400,000 rates for an answer."""
    path = tmp_path_factory.mktemp("large") / "warehouse.db"
    publish(
        path,
        """
        insert into storefront.product_views
        select
            any_view.* replace (
                timestamp '2023-01-01' + to_seconds(n) as viewed_at,
                'iOS' as platform,
                'p' || n as product_id
            )
        from range(400000) as numbers (n)
        cross join (from storefront.product_views limit 1) as any_view
        """,
        like=built_shop.warehouse,
    )
    return path


LARGE = question(datetime(2023, 1, 1), datetime(2023, 1, 6))


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
    assert as_text.text == as_csv(shop.rates(**values))


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
def test_a_missing_value_is_named(client, name):
    sent = {key: value for key, value in question().items() if key != name}
    for answer in (
        client.get("/ctr", params=sent),
        client.post("/ctr", json=sent),
        client.post("/ctr", json=sent | {name: None}),
    ):
        assert list(problems(answer)) == [name]
        assert problems(answer)[name]["sent"] is None


def test_a_value_that_comes_twice_is_refused(client):
    twice = client.get("/ctr", params=[*question().items(), ("aggregation", "5")])
    assert problems(twice)["aggregation"]["sent"] == ["60", "5"]
    body = json.dumps(question())[:-1] + ', "aggregation": 5}'
    twice = client.post("/ctr", content=body, headers={"content-type": JSON})
    assert problems(twice)["aggregation"]["sent"] == [60, 5]


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
    assert "/ctr" in client.get("/nothing").json()["error"]
    for method in ("PUT", "DELETE", "PATCH"):
        refused = client.request(method, "/ctr")
        assert refused.status_code == 405
        assert refused.headers["allow"] == "GET, HEAD, POST"
    assert problems(client.get("/ctr?product=%ff"))


@pytest.mark.parametrize("nasty", NASTY, ids=lambda text: ascii(text)[:30])
def test_nothing_that_is_sent_becomes_sql(client, built_shop, shop, nasty):
    before = hashlib.sha256(built_shop.warehouse.read_bytes()).hexdigest()
    files = set(built_shop.root.iterdir())
    for name in question(product="", platform=""):
        sent = question() | {name: nasty}
        for answer in (client.get("/ctr", params=sent), client.post("/ctr", json=sent)):
            if name == "product" and len(nasty) <= 200:
                assert (answer.status_code, answer.text) == (200, "[]\n")
            else:
                assert list(problems(answer)) == [name]
    for sent in ({nasty: nasty}, question() | {nasty: nasty}):
        assert client.get("/ctr", params=sent).status_code == 400
        assert client.post("/ctr", json=sent).status_code == 400
    headers = {"accept": nasty.encode()[:50], "if-none-match": nasty.encode()[:50]}
    if nasty.isprintable():
        assert client.get("/ctr", params=question(), headers=headers).status_code in (200, 406)
    assert client.get("/ctr", params=question()).text == asked(shop.rates())
    assert hashlib.sha256(built_shop.warehouse.read_bytes()).hexdigest() == before
    assert set(built_shop.root.iterdir()) == files


# --- Health, headers, description


def test_health_says_which_build_is_served(client, built_shop):
    with duckdb.connect(str(built_shop.warehouse), read_only=True) as connection:
        (views,) = connection.execute("select count(*) from storefront.product_views").fetchone()
        build_id = newest_build(connection)
    got = client.get("/health")
    assert got.status_code == 200
    body = got.json()
    assert body["build_id"] == build_id == got.headers["casebook-build"]
    assert body["rows_per_mart"]["storefront.product_views"] == views
    written = datetime.fromisoformat(body["published_at"].replace("Z", "+00:00")).timestamp()
    assert abs(written - built_shop.warehouse.stat().st_mtime) < 1


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
def test_a_long_answer_is_streamed_and_not_held(large):
    with serving(large, "--memory", "150MB") as server, httpx.Client(timeout=60) as client:
        client.get(f"{server.url}/ctr", params=question()).raise_for_status()
        before = server.memory("VmRSS")
        rows, size, is_first = 0, 0, True
        with client.stream("GET", f"{server.url}/ctr", params=LARGE) as answer:
            assert answer.headers["transfer-encoding"] == "chunked"
            for piece in answer.iter_bytes():
                if is_first:
                    # The server waits for a slow client rather than write everything into memory.
                    time.sleep(0.5)
                    waiting = server.memory("VmRSS") - before
                    is_first = False
                size += len(piece)
                rows += piece.count(b"{")
        assert rows == 400_000
        assert size > 30_000_000
        assert waiting < 200_000_000
        assert server.memory("VmHWM") - before < 200_000_000


def test_a_long_answer_is_complete_in_both_formats(large):
    with serving(large) as server, httpx.Client(base_url=server.url, timeout=60) as client:
        rates = client.get("/ctr", params=LARGE).json()
        assert [rate["timestamp"] for rate in rates] == sorted(rate["timestamp"] for rate in rates)
        assert {rate["product"] for rate in rates} == {f"p{number}" for number in range(400_000)}
        lines = client.get("/ctr", params=LARGE, headers={"accept": CSV}).text.splitlines()
        assert len(lines) == 400_001
        assert lines[-1].startswith(rates[-1]["timestamp"])


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

    with serving(warehouse) as server, httpx.Client(base_url=server.url, timeout=60) as client:
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


def test_nothing_is_published_yet_and_then_it_is(built_shop, shop, tmp_path):
    path = tmp_path / "here" / "warehouse.db"
    with serving(path) as server, httpx.Client(base_url=server.url, timeout=60) as client:
        for address in ("/health", "/ctr"):
            answer = client.get(address, params=question())
            assert answer.status_code == 503
            assert "casebook build" in answer.json()["fix"]
            assert str(tmp_path) not in answer.text
        assert client.get("/openapi.json").status_code == 200
        path.parent.mkdir()
        shutil.copy(built_shop.warehouse, path)
        assert client.get("/ctr", params=question()).text == asked(shop.rates())
        # Neither a file that is gone nor one that is broken takes the last good build away.
        path.unlink()
        assert client.get("/ctr", params=question()).text == asked(shop.rates())
        path.write_bytes(b"no database")
        assert client.get("/ctr", params=question()).text == asked(shop.rates())
        path.unlink()
        new = publish(path, like=built_shop.warehouse)
        time.sleep(1.1)
        assert client.get("/health").json()["build_id"] == new
    assert any("still serving build" in line for line in server.errors)


def test_files_that_cannot_answer_are_no_warehouse(tmp_path):
    path = tmp_path / "warehouse.db"
    with serving(path) as server, httpx.Client(base_url=server.url, timeout=60) as client:
        path.write_bytes(b"no database")
        assert client.get("/health").status_code == 503
        path.unlink()
        with duckdb.connect(str(path)) as connection:
            connection.execute("create table t as select 1 as n")
        answer = client.get("/health")
        assert answer.status_code == 503
        assert "audit.builds" in answer.json()["error"]


def test_a_build_is_published_in_the_middle_of_a_load_of_requests(built_shop, warehouse, shop):
    more = random_shop(2, START + timedelta(days=1))
    bench = Workbench(built_shop.root, built_shop.project)
    bench.warehouse = warehouse
    both = type(shop)([*shop.views, *more.views], [*shop.purchases, *more.purchases])
    ends = END + timedelta(days=2)
    sent = question(end=ends)
    before, after = asked(shop.rates(end=ends)), asked(both.rates(end=ends))
    assert before != after
    answers: list[tuple[int, str, str]] = []
    stop = threading.Event()

    def keep_asking(number: int, url: str) -> None:
        with httpx.Client(base_url=url, timeout=60) as client:
            for turn in itertools.count(number):
                if stop.is_set():
                    return
                one = (
                    client.get("/ctr", params=sent) if turn % 2 else client.post("/ctr", json=sent)
                )
                answers.append((one.status_code, one.headers["casebook-build"], one.text))
                time.sleep(0.2)  # leaves the machine to the build

    with serving(bench.warehouse) as server, ThreadPoolExecutor(8) as pool:
        asking = [pool.submit(keep_asking, number, server.url) for number in range(8)]
        try:
            more.write(bench.raw, "b")
            bench.casebook("build", *ONLY_THE_SHOP)
            published = httpx.get(f"{server.url}/health").json()["build_id"]
            asked_before = len(answers)
            while len(answers) < asked_before + 40:
                time.sleep(0.05)
        finally:
            stop.set()
        for one in asking:
            one.result()
    assert {status for status, *_ in answers} == {200}
    texts = {build: {text for _, of, text in answers if of == build} for _, build, _ in answers}
    assert len(texts) == 2
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


def test_the_command_says_where_it_listens_and_nothing_more(warehouse):
    with serving(warehouse) as server:
        assert server.first.startswith("http://127.0.0.1:")
        httpx.get(f"{server.url}/health").raise_for_status()
    assert [line for line in server.output if "GET" in line] == []
    with serving(warehouse, "--log") as server:
        httpx.get(f"{server.url}/health").raise_for_status()
    assert any("GET /health" in line for line in server.output)


def test_a_port_that_is_taken_is_an_error(server, warehouse):
    port = str(urlsplit(server.url).port)
    for host, wanted in (("127.0.0.1", "another program listens"), ("192.0.2.1", "cannot listen")):
        done = run("serve", "--host", host, "--port", port, "--warehouse", str(warehouse))
        assert done.returncode == 1
        assert wanted in done.stderr
        assert "--port" in done.stderr
        assert "Traceback" not in done.stderr


def test_a_proxy_is_an_address_or_a_network(warehouse):
    done = run("serve", "--trusted-proxy", "proxy", "--warehouse", str(warehouse))
    assert done.returncode == 2
    assert "--trusted-proxy" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_its_packages_the_command_says_how_to_get_them(warehouse):
    program = (
        "import sys; sys.modules['fastapi'] = None; from casebook.cli.main import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "serve", "--warehouse", str(warehouse)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "fastapi" in done.stderr
    assert "make serve" in done.stderr
    assert "[serve]" in done.stderr


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).with_name("casebook")), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"COLUMNS": "200"},
        check=False,
    )
