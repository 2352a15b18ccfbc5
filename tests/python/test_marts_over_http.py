"""Marts over HTTP: rows, filters, pages and headers, against SQL on the same warehouse."""

from __future__ import annotations

import csv
import hashlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote

import duckdb
import httpx
import pytest
from asking import CSV, JSON, NASTY, problems
from marts import ENDPOINTS, LARGEST, ODD, RECOMMENDED, TITLES, declare
from shop import Server, as_csv, as_json, client_of, newest_build, publish, question, serving

GENRES, COMPANIES = "/movies/genre-years", "/movies/company-years"
RELEASES, WEEKS = "/movies/company-genre-years", "/outlier-weeks"

# Every mart with pages, as SQL that an analyst would write for the same rows.
WHOLE = {
    WEEKS: 'from blog_analysis.outlier_weeks {} order by "Year", "WeekNumber"',
    GENRES: "from movies.genre_year_facts {}"
    " order by release_year, average_popularity desc nulls last, genre_id",
    COMPANIES: "from movies.company_year_facts {} order by company_name, company_id, release_year",
    RELEASES: "from movies.company_genre_year_releases {}"
    " order by company_name, company_id, release_year, genre_name, genre_id",
}
FILTERED = [
    *((path, {}, "true") for path in WHOLE),
    (WEEKS, {"year": 2020}, '"Year" = 2020'),
    (WEEKS, {"weekNumber": 0}, '"WeekNumber" = 0'),
    (WEEKS, {"year": 2020, "weekNumber": 3}, '"Year" = 2020 and "WeekNumber" = 3'),
    (WEEKS, {"fromYear": 2020, "toYear": 2021}, '"Year" between 2020 and 2021'),
    (GENRES, {"genreId": 16}, "genre_id = 16"),
    (GENRES, {"genreId": "0016"}, "genre_id = 16"),
    (GENRES, {"genreId": -5}, "genre_id = -5"),
    (GENRES, {"genreId": LARGEST}, f"genre_id = {LARGEST}"),
    (GENRES, {"genreId": -(2**63)}, "false"),
    (GENRES, {"genreName": "Same Name"}, "genre_id in (17, 18)"),
    (GENRES, {"genreName": "same name"}, "false"),
    (GENRES, {"genreName": ODD}, "genre_id = 99"),
    (GENRES, {"genreName": "Animation", "genreId": 7}, "false"),
    (GENRES, {"year": 1995}, "release_year = 1995"),
    (GENRES, {"fromYear": 2000}, "release_year >= 2000"),
    (GENRES, {"toYear": 1910}, "release_year <= 1910"),
    (GENRES, {"fromYear": 1995, "toYear": 1995}, "release_year = 1995"),
    (GENRES, {"fromYear": 1, "toYear": 9999}, "true"),
    (GENRES, {"year": 1995, "fromYear": 1996}, "false"),
    (COMPANIES, {"companyId": 3, "toYear": 1950}, "company_id = 3 and release_year <= 1950"),
    (COMPANIES, {"companyId": -(2**63)}, "company_name = 'ÄÖ'"),
    (COMPANIES, {"companyName": "Company 7"}, "company_name = 'Company 7'"),
    (COMPANIES, {"companyName": ODD}, "company_id = 1"),
    (COMPANIES, {"companyName": "'"}, "company_id = 2"),
    (COMPANIES, {"companyName": "nobody knows it"}, "false"),
    (RELEASES, {"companyId": 3, "genreId": 0}, "company_id = 3 and genre_id = 0"),
    (
        RELEASES,
        {"genreName": "(none listed)", "year": 1999},
        "genre_id = 0 and release_year = 1999",
    ),
    (
        RELEASES,
        {"companyName": "Company 7", "genreName": "Z", "fromYear": 1920, "toYear": 1990},
        f"company_name = 'Company 7' and genre_id = {LARGEST}"
        " and release_year between 1920 and 1990",
    ),
]


@pytest.fixture(scope="module")
def sql(built_marts):
    """Names and rows of a query to the warehouse."""
    with duckdb.connect(str(built_marts.warehouse), read_only=True) as connection:

        def ask(query: str, *values: object) -> tuple[list[str], list[tuple]]:
            found = connection.cursor().execute(query, list(values))
            return [column[0] for column in found.description], found.fetchall()

        yield ask


# --- Rows


@pytest.mark.parametrize(("path", "given", "where"), FILTERED, ids=str)
def test_filters_take_the_rows_that_sql_takes(client, sql, path, given, where):
    expected = sql(WHOLE[path].format(f"where {where}"))
    answer = client.get(path, params=given)
    assert answer.status_code == 200, answer.text
    assert answer.text == as_json(*expected)
    assert answer.headers["content-type"] == JSON
    assert answer.headers["casebook-total-rows"] == str(len(expected[1]))
    assert "link" not in answer.headers
    as_text = client.get(path, params=given, headers={"accept": CSV})
    assert as_text.headers["content-type"].startswith(CSV)
    assert as_text.text == as_csv(*expected)
    # Most filters take some rows and leave some.
    whole = len(sql(WHOLE[path].format(""))[1])
    assert whole > 100
    assert where in ("true", "false") or 0 < len(expected[1]) < whole


def test_numbers_and_texts_are_as_the_warehouse_has_them(client):
    answer = client.get(GENRES, params={"genreId": 16, "year": 1995})
    assert answer.text == (
        '[{"genre_id":16,"genre_name":"Animation","release_year":1995,'
        '"movie_count":9007199254740993,"average_popularity":0.100000,'
        '"total_budget":11111111111111111111111111111111111111,'
        '"total_revenue":-99999999999999999999999999999999999999,'
        '"total_profit":-9007199254740993,"average_budget":1234567.500000,'
        '"average_revenue":null,"average_profit":-0.000001,"known_budget_count":0,'
        '"known_revenue_count":10}]\n'
    )
    as_text = client.get(GENRES, params={"genreId": 16, "year": 1995}, headers={"accept": CSV}).text
    assert as_text.splitlines()[1] == (
        f"16,Animation,1995,9007199254740993,0.100000,{'1' * 38},-{'9' * 38},-9007199254740993,"
        "1234567.500000,,-0.000001,0,10"
    )
    odd = client.get(COMPANIES, params={"companyId": 1}).json()
    assert {row["company_name"] for row in odd} == {ODD}


# --- Recommendations


@pytest.mark.parametrize("user", [1, 2, 3, 4, -5, LARGEST, 77, -(2**63), "001"])
@pytest.mark.parametrize("threshold", [None, "0", "4.5", "4.500001", "4.9", "5", "005.000000"])
def test_recommendations_are_those_above_the_threshold_best_first(client, user, threshold):
    above = Decimal("4.5" if threshold is None else threshold)
    expected = [
        (TITLES[course], Decimal(rating))
        for of, course, rating in RECOMMENDED
        if of == int(user) and Decimal(rating) > above
    ]
    given = {} if threshold is None else {"threshold": threshold}
    answer = client.get(f"/recommendations/{user}", params=given)
    assert answer.text == as_json(["title", "rating"], expected)
    as_text = client.get(f"/recommendations/{user}", params=given, headers={"accept": CSV})
    assert as_text.text == as_csv(["title", "rating"], expected)


# --- Pages


@pytest.mark.parametrize(
    ("path", "given", "limit"),
    [
        (WEEKS, {}, 1),
        (WEEKS, {"year": 2020}, 10),
        (GENRES, {}, 7),
        (GENRES, {"genreName": "Same Name", "fromYear": 1950}, 9),
        (COMPANIES, {}, 999),
        (COMPANIES, {}, 5_000),
        (RELEASES, {}, 4_999),
        (RELEASES, {}, 10_000),
        (RELEASES, {"companyName": ODD}, 3),
        (RELEASES, {"genreName": ODD, "toYear": 1999}, 100),
    ],
    ids=str,
)
def test_pages_neither_overlap_nor_leave_gaps(client, path, given, limit):
    whole = client.get(path, params=given)
    rows, pages, back = [], [], []
    answer = client.get(path, params=given | {"limit": limit})
    while True:
        assert answer.status_code == 200, answer.text
        assert answer.headers["casebook-total-rows"] == whole.headers["casebook-total-rows"]
        page = answer.json()
        pages.append(page)
        rows += page
        back.append(answer.links.get("prev", {}).get("url"))
        if "next" not in answer.links:
            break
        assert len(page) == limit
        answer = client.get(answer.links["next"]["url"])
    assert rows == whole.json()
    assert len(pages) == -(-len(rows) // limit) > 1
    # And the way back.
    assert client.get(answer.links["first"]["url"]).json() == pages[0]
    assert back[0] is None
    for url, before in list(zip(back[1:], pages, strict=False))[-3:]:
        assert client.get(url).json() == before


def test_what_lies_beyond_the_last_row_is_empty(client):
    total = int(client.get(WEEKS).headers["casebook-total-rows"])
    for given in ({"offset": total}, {"offset": LARGEST, "limit": 10_000}):
        answer = client.get(WEEKS, params=given)
        assert (answer.status_code, answer.text) == (200, "[]\n")
        assert answer.headers["casebook-total-rows"] == str(total)
        assert "next" not in answer.links
    rows = client.get(WEEKS).json()
    assert client.get(WEEKS, params={"offset": 5}).json() == rows[5:]
    last = client.get(WEEKS, params={"offset": total - 1, "limit": 1})
    assert last.json() == rows[-1:]
    assert set(last.links) == {"first", "prev"}
    exact = client.get(WEEKS, params={"limit": total})
    assert (exact.json(), set(exact.links)) == (rows, {"first"})
    none = client.get(WEEKS, params={"year": 1, "limit": 10})
    assert (none.json(), none.headers["casebook-total-rows"], set(none.links)) == (
        [],
        "0",
        {"first"},
    )


# --- What is refused

WRONG_NUMBERS = ["", "x", "1.5", "1e2", "٣", " 1", "1 ", "1\n", "--1", "+1", "0x10", "1_000", "NaN"]
BEYOND = [str(2**63), str(-(2**63) - 1), "9" * 5000]
WRONG_YEARS = [*WRONG_NUMBERS, "0", "-1", "10000", "1995-01-01", *BEYOND]
WRONG_THRESHOLDS = ["", "x", "1e0", "٣", " 4", "4 ", "4\n", "+4", "-0", ".5", "4.", "4,5", "0x4"]
WRONG_THRESHOLDS += ["NaN", "5.000001", "6", "-1", "4.5000001", "9" * 5000]
WRONG = [
    *((GENRES, "genreId", value) for value in [*WRONG_NUMBERS, *BEYOND]),
    *((COMPANIES, "companyId", value) for value in ("", "x", "3.0", *BEYOND)),
    *((GENRES, name, value) for name in ("year", "fromYear", "toYear") for value in WRONG_YEARS),
    *((WEEKS, "weekNumber", value) for value in [*WRONG_NUMBERS, "-1", "54"]),
    *(
        (RELEASES, name, value)
        for name in ("genreName", "companyName")
        for value in ("", "x" * 1001)
    ),
    *((GENRES, "limit", value) for value in [*WRONG_NUMBERS, "0", "-1", "10001", *BEYOND]),
    *((GENRES, "offset", value) for value in [*WRONG_NUMBERS, "-1", *BEYOND]),
    (GENRES, "build", ""),
    *((GENRES, name, "1") for name in ("companyId", "genre_id", "Year", "weekNumber", "page", "")),
    *(("/recommendations/1", "threshold", value) for value in WRONG_THRESHOLDS),
    *(("/recommendations/1", name, "1") for name in ("limit", "offset", "build", "userId")),
]


@pytest.mark.parametrize(("path", "name", "value"), WRONG, ids=lambda value: ascii(value)[1:40])
def test_a_wrong_value_is_named_with_what_was_sent_and_what_is_expected(client, path, name, value):
    answer = client.get(path, params={name: value})
    assert list(problems(answer)) == [name]
    one = problems(answer)[name]
    assert one["sent"] == (value if len(value) <= 200 else value[:200] + "…")
    assert one["expected"]
    assert answer.headers["casebook-build"]
    assert "etag" not in answer.headers


@pytest.mark.parametrize("user", [*WRONG_NUMBERS[1:], *BEYOND, "1;", "a/b", "../health", "%00"])
def test_a_user_id_that_is_no_integer_is_refused(client, user):
    answer = client.get(f"/recommendations/{quote(user, safe='')}")
    if "/" in user:
        # A slash parts an address, however it is sent.
        assert answer.status_code == 404
    else:
        sent = problems(answer)["user_id"]["sent"]
        assert sent == (user if len(user) <= 200 else user[:200] + "…")


def test_a_range_does_not_end_before_it_starts(client):
    answer = client.get(GENRES, params={"fromYear": 2001, "toYear": 2000})
    assert problems(answer)["toYear"]["sent"] == "2000"
    assert "2001" in problems(answer)["toYear"]["expected"]
    assert client.get(GENRES, params={"fromYear": "x", "toYear": "2000"}).status_code == 400


def test_everything_that_is_wrong_is_named_at_once(client):
    sent = {"genreId": "x", "year": "0", "limit": "0", "offset": "-1", "more": "1"}
    wrong = problems(client.get(GENRES, params=sent))
    assert set(wrong) == set(sent)
    for name in ("genreId", "genreName", "year", "fromYear", "toYear", "limit", "offset"):
        assert name in wrong["more"]["expected"]


def test_a_value_that_comes_twice_is_refused(client):
    twice = client.get(f"{GENRES}?year=1995&genreId=16&year=1995")
    assert problems(twice)["year"]["sent"] == ["1995", "1995"]
    twice = client.get("/recommendations/1?user_id=2")
    assert problems(twice)["user_id"]["sent"] == ["1", "2"]


def test_other_methods_and_addresses_get_their_own_errors(client):
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        refused = client.request(method, GENRES)
        assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")
    for path in ("/movies", "/recommendations", "/recommendations/1/2", "/outlier_weeks"):
        nothing = client.get(path)
        assert nothing.status_code == 404
        for endpoint in ENDPOINTS:
            assert endpoint.path in nothing.json()["error"]
    assert problems(client.get(f"{GENRES}?genreName=%ff"))


@pytest.mark.parametrize("nasty", NASTY, ids=lambda text: ascii(text)[:30])
def test_nothing_that_is_sent_becomes_sql(client, built_marts, nasty):
    before = hashlib.sha256(built_marts.warehouse.read_bytes()).hexdigest()
    files = set(built_marts.root.iterdir())
    for endpoint in ENDPOINTS:
        path = endpoint.path.replace("{user_id}", "1")
        sent = question() if endpoint.takes_body else {}
        for name, parameter in endpoint.accepted.items():
            if name == "user_id":
                continue
            answers = [client.get(path, params=sent | {name: nasty})]
            if endpoint.takes_body:
                answers.append(client.post(path, json=sent | {name: nasty}))
            for answer in answers:
                if parameter.kind != "text" or len(nasty) > min(parameter.most, 1000):
                    assert list(problems(answer)) == [name]
                elif name == "build":
                    assert answer.status_code == 409
                else:
                    # The company of the fixture is `'`.
                    is_company = name == "companyName" and nasty == "'"
                    assert answer.status_code == 200
                    assert (answer.text == "[]\n") != is_company
        assert client.get(path, params=sent | {nasty: nasty}).status_code == 400
        if endpoint.takes_body:
            assert client.post(path, json=sent | {nasty: nasty}).status_code == 400
    for path in (f"/recommendations/{quote(nasty, safe='')}", f"/{quote(nasty, safe='')}"):
        assert client.get(path).status_code in (400, 404)
    if nasty.isprintable():
        headers = {"accept": nasty.encode()[:50], "if-none-match": nasty.encode()[:50]}
        assert client.get(GENRES, headers=headers).status_code in (200, 406)
    assert hashlib.sha256(built_marts.warehouse.read_bytes()).hexdigest() == before
    assert set(built_marts.root.iterdir()) == files


# --- Headers

ANSWERS = [
    ("GET", "/", {}, 200),
    ("GET", "/docs", {}, 200),
    ("GET", "/openapi.json", {}, 200),
    ("GET", "/health", {}, 200),
    ("GET", "/ctr?" + str(httpx.QueryParams(question())), {}, 200),
    ("GET", WEEKS, {}, 200),
    ("GET", f"{GENRES}?year=1995", {}, 200),
    ("GET", f"{GENRES}?year=1996", {}, 200),
    ("GET", f"{GENRES}?year=1996", {"accept": CSV}, 200),
    ("GET", f"{GENRES}?year=1996&limit=1", {}, 200),
    ("GET", f"{GENRES}?year=1996&limit=1&offset=1", {}, 200),
    ("GET", RELEASES, {}, 200),
    ("GET", "/recommendations/1", {}, 200),
    ("GET", "/recommendations/2", {}, 200),
    ("GET", "/recommendations/2?threshold=4", {}, 200),
]
REFUSED = [
    ("GET", "/ctr", {}, 400),
    ("GET", f"{GENRES}?year=x", {}, 400),
    ("GET", f"{GENRES}?year=%ff", {}, 400),
    ("GET", "/recommendations/x", {}, 400),
    ("GET", "/nothing", {}, 404),
    ("GET", "/recommendations", {}, 404),
    ("GET", "/%00", {}, 404),
    ("GET", f"{GENRES}/", {}, 307),
    ("PUT", "/ctr", {}, 405),
    ("DELETE", GENRES, {}, 405),
    ("POST", "/health", {}, 405),
    ("POST", "/", {}, 405),
    ("GET", GENRES, {"accept": "text/html"}, 406),
    ("GET", f"{GENRES}?build=x", {}, 409),
    ("POST", "/ctr", {"content-type": "text/plain"}, 415),
]


@pytest.mark.parametrize(("method", "path", "headers", "status"), ANSWERS + REFUSED, ids=str)
def test_every_answer_carries_the_id_of_the_build(client, sql, method, path, headers, status):
    build_id = str(
        sql("select build_id from audit.builds order by build_number desc limit 1")[1][0][0]
    )
    answer = client.request(method, path, headers=headers)
    assert answer.status_code == status
    assert answer.headers.get_list("casebook-build") == [build_id]
    if status != 200:
        assert "etag" not in answer.headers
        return
    tag = answer.headers["etag"]
    assert tag.startswith(f'"{build_id}-')
    assert client.request(method, path, headers=headers).headers["etag"] == tag
    head = client.head(path, headers=headers)
    assert (head.status_code, head.content) == (200, b"")
    named = ("casebook-build", "etag", "casebook-total-rows", "link", "content-type", "vary")
    assert {name: head.headers.get(name) for name in named} == {
        name: answer.headers.get(name) for name in named
    }
    for method_again in ("GET", "HEAD"):
        for known in (tag, f"W/{tag}", f'"x", {tag}', "*"):
            again = client.request(method_again, path, headers=headers | {"if-none-match": known})
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["etag"] == tag
            assert again.headers.get_list("casebook-build") == [build_id]
    other = client.get(path, headers=headers | {"if-none-match": f'"{build_id}"'})
    assert other.status_code == 200


def test_tags_and_pages_are_of_their_build(warehouse):
    def tags(client: httpx.Client) -> list[str]:
        answers = [client.get(path, headers=headers) for _, path, headers, _ in ANSWERS]
        return [answer.headers["etag"] for answer in answers]

    with serving(warehouse) as server, client_of(server) as client:
        before = tags(client)
        assert len(set(before)) == len(before)
        build = client.get("/health").json()["build_id"]
        first = client.get(GENRES, params={"limit": 100, "build": build})
        assert first.status_code == 200
        plain = client.get(GENRES, params={"limit": 100})
        new = publish(warehouse, "delete from movies.genre_year_facts where genre_id = 16")
        late = client.get(first.links["next"]["url"])
        assert late.status_code == 409
        assert "build" in late.json()["error"]
        assert late.headers["casebook-build"] == new
        assert client.get(plain.links["next"]["url"]).headers["casebook-build"] == new
        assert client.get(GENRES, params={"genreId": 16}).text == "[]\n"
        after = tags(client)
        assert not set(after) & set(before)
        assert all(tag.startswith(f'"{new}-') for tag in after)
        for (_, path, headers, _), tag in zip(ANSWERS, before, strict=True):
            again = client.get(path, headers=headers | {"if-none-match": tag})
            assert (again.status_code, again.headers["casebook-build"]) == (200, new)


# --- Builds


def test_a_build_without_a_mart_says_so_and_answers_all_else(warehouse):
    publish(
        warehouse,
        "drop table movies.company_year_facts",
        "drop schema courses cascade",
        "alter table movies.genre_year_facts rename genre_name to name_of_genre",
    )
    with serving(warehouse) as server, client_of(server) as client:
        for path, named in (
            (COMPANIES, "movies.company_year_facts"),
            ("/recommendations/1", "courses.recommendations_for_user"),
            (GENRES, "genre_name"),
        ):
            answer = client.get(path)
            assert answer.status_code == 503
            assert named in answer.json()["error"]
            assert "casebook build" in answer.json()["fix"]
            assert answer.headers["casebook-build"] == client.get("/health").json()["build_id"]
        for path in (WEEKS, RELEASES):
            assert client.get(path).status_code == 200
        described = client.get("/openapi.json").json()
        assert "MoviesCompanyYearsRow" not in described["components"]["schemas"]
        assert "properties" in described["components"]["schemas"]["MoviesCompanyGenreYearsRow"]
        assert set(client.get("/").json()) >= {endpoint.path for endpoint in ENDPOINTS}


def test_every_answer_is_of_the_build_that_it_names(warehouse):
    """Builds follow each other closely, and each has one row more than the one before."""
    known = {}
    with duckdb.connect(str(warehouse)) as connection:
        known[newest_build(connection)] = 0
    seen: list[tuple[str, str, int]] = []
    with serving(warehouse) as server:
        stop = threading.Event()

        def keep_asking(number: int) -> None:
            given = {"genreId": 1000} | ({"limit": 1} if number % 2 else {})
            with httpx.Client(base_url=server.url, timeout=60) as client:
                while not stop.is_set():
                    answer = client.get(GENRES, params=given)
                    assert answer.status_code == 200, answer.text
                    total = int(answer.headers["casebook-total-rows"])
                    assert len(answer.json()) == (min(1, total) if number % 2 else total)
                    build = answer.headers["casebook-build"]
                    seen.append((build, answer.headers["etag"], total))

        with ThreadPoolExecutor(6) as pool:
            asking = [pool.submit(keep_asking, number) for number in range(6)]
            try:
                for number in range(1, 11):
                    build = publish(
                        warehouse,
                        "insert into movies.genre_year_facts by name"
                        f" select 1000 as genre_id, {1900 + number} as release_year",
                    )
                    known[build] = number
                    until = time.monotonic() + 60
                    while all(of != build for of, *_ in list(seen)):
                        assert time.monotonic() < until, "the build is never served"
                        time.sleep(0.01)
            finally:
                stop.set()
            for one in asking:
                one.result()
    assert len({build for build, *_ in seen}) >= 10
    for build, tag, total in seen:
        assert known[build] == total
        assert build in tag


# --- What models declare

WEEKLY_VOTES = {
    "path": "/weekly-votes",
    "title": "Votes by week",
    "row": "one row per year and week that has votes",
    "about": "Sorted by number of votes, most first.",
    "example": "/weekly-votes?year=2020",
    "key": ["year", "week_number"],
    "order": ["-vote_count"],
    "parameters": {
        "year": {"column": "year", "kind": "year", "about": "One year.", "example": 2020},
        "week": {"column": "week_number", "least": 0, "most": 53, "about": "One week."},
    },
}
ODD_TYPES = WEEKLY_VOTES | {"path": "/odd", "key": ["a"], "order": [], "parameters": {}}
ODD_TABLE = """
    create table main."odd ""table"" here" as
    select
        1 as a,
        cast(0.5 as decimal(1, 1)) as "100% %s ""b"" 'c' {d}",
        cast(-0.5 as decimal(2, 2)) as minus,
        true as yes,
        cast(null as boolean) as no,
        date '2020-02-29' as day,
        timestamp '2020-02-29 12:00:00.5' as moment,
        cast('1.5' as double) as inexact,
        cast(170141183460469231731687303715884105727 as hugeint) as huge,
        chr(0) || chr(31) as control,
        ['x', 'y'] as list
"""


@pytest.fixture(scope="module")
def declaring(built_marts, tmp_path_factory) -> Iterator[Server]:
    """A server of a warehouse whose models declare more endpoints."""
    path = tmp_path_factory.mktemp("declaring") / "warehouse.db"
    broken = "create view main.broken as select error('a secret') as a"
    publish(path, ODD_TABLE, broken, like=built_marts.warehouse)
    with duckdb.connect(str(path)) as connection:
        for name, relation, api, about in (
            ("one", "blog_analysis.weekly_votes", WEEKLY_VOTES, {"vote_count": "How many."}),
            ("two", 'main.odd "table" here', ODD_TYPES, {}),
            ("three", "main.broken", ODD_TYPES | {"path": "/broken"}, {}),
        ):
            declare(connection, name, relation, about, {"api": api})
    server = Server(path)
    yield server
    assert server.stop() == 0


def test_a_mart_is_added_by_what_its_model_declares(declaring, sql):
    client = client_of(declaring)
    expected = sql("from blog_analysis.weekly_votes order by vote_count desc, year, week_number")
    answer = client.get("/weekly-votes")
    assert answer.text == as_json(*expected)
    assert answer.headers["casebook-total-rows"] == str(len(expected[1])) != "0"
    page = client.get("/weekly-votes", params={"limit": 7, "offset": 3}, headers={"accept": CSV})
    assert page.text == as_csv(expected[0], expected[1][3:10])
    assert client.get("/weekly-votes", params={"week": 9, "year": 2020}).json()
    assert problems(client.get("/weekly-votes", params={"week": 54}))
    assert client.get("/").json()["/weekly-votes"] == "Votes by week"
    assert "/weekly-votes" in client.get("/nothing").json()["error"]
    described = client.get("/openapi.json").json()
    operation = described["paths"]["/weekly-votes"]["get"]
    named = {one["name"] for one in operation["parameters"]}
    assert named == {"year", "week", "limit", "offset", "build", "bom", "If-None-Match"}
    row = described["components"]["schemas"]["WeeklyVotesRow"]["properties"]
    assert set(row) == set(expected[0])
    assert row["vote_count"] == {
        "type": ["integer", "null"],
        "description": "How many.",
        "title": "Vote Count",
    }
    assert client.get(GENRES).status_code == 200


def test_any_column_can_be_shown(declaring):
    client = client_of(declaring)
    text = client.get("/odd").text
    assert text == (
        '[{"a":1,"100% %s \\"b\\" \'c\' {d}":0.5,"minus":-0.50,"yes":true,"no":null,'
        '"day":"2020-02-29","moment":"2020-02-29 12:00:00.5","inexact":"1.5",'
        '"huge":170141183460469231731687303715884105727,"control":"\\u0000\\u001F",'
        '"list":"[x, y]"}]\n'
    )
    json.loads(text)
    lines = client.get("/odd", headers={"accept": CSV}).text
    (line,) = csv.DictReader(lines.splitlines(keepends=True))
    assert (line["minus"], line["no"], line["list"]) == ("-0.50", "", "[x, y]")
    row = client.get("/openapi.json").json()["components"]["schemas"]["OddRow"]
    assert row["properties"]["yes"]["type"] == ["boolean", "null"]
    assert row["properties"]["minus"]["type"] == ["number", "null"]


def test_what_goes_wrong_here_is_said_without_its_reason(declaring):
    client = client_of(declaring)
    answer = client.get("/broken")
    assert (answer.status_code, answer.headers["content-type"]) == (500, JSON)
    assert answer.headers["casebook-build"]
    assert "secret" not in answer.text
    # The connection is closed after that, and the server is not.
    assert httpx.get(f"{client.base_url}/health").status_code == 200
    until = time.monotonic() + 10
    while "a secret" not in "".join(declaring.errors):
        assert time.monotonic() < until, "the log does not say what it was"
        time.sleep(0.05)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.path)
def test_an_endpoint_has_what_it_needs(client, sql, endpoint):
    assert endpoint.row.startswith("one row per ")
    assert endpoint.about.endswith(".")
    answer = client.get(endpoint.example)
    assert answer.status_code == 200, answer.text
    assert endpoint.example.split("?")[0].startswith(endpoint.path.split("{")[0])
    if endpoint.key:
        # Every key can be asked for, by its name too where it has one.
        columns = set(client.get(endpoint.path, params={"limit": 1}).json()[0])
        names = {key.removesuffix("_id") + "_name" for key in endpoint.key if key.endswith("_id")}
        compared = {one.column for one in endpoint.parameters.values()}
        assert compared == {*endpoint.key, *(names & columns)}
        key = ", ".join(f'"{name}"' for name in endpoint.key)
        counts = f"select count(*), count(distinct ({key})) from {endpoint.relation}"
        ((rows, keys),) = sql(counts)[1]
        assert rows == keys


def test_the_description_has_the_columns_and_parameters_of_the_marts(client):
    described = client.get("/openapi.json").json()
    for endpoint in ENDPOINTS:
        operation = described["paths"][endpoint.path]["get"]
        named = {one["name"]: one for one in operation["parameters"]}
        paging = {"limit", "offset", "build"} if endpoint.key else set()
        assert set(named) == {*endpoint.parameters, *paging, "bom", "If-None-Match"}
        path = endpoint.path.replace("{user_id}", str(named.get("user_id", {}).get("example")))
        examples = {n: one["example"] for n, one in named.items() if "example" in one}
        examples.pop("user_id", None)
        for sent in [{name: value} for name, value in examples.items()]:
            asked = client.get(path, params=examples if endpoint.takes_body else sent)
            assert asked.status_code == 200, asked.text
        content = operation["responses"]["200"]["content"]
        name = content[JSON]["schema"]["items"]["$ref"].split("/")[-1]
        row = described["components"]["schemas"][name]["properties"]
        shown = client.get(endpoint.example, headers={"accept": CSV}).text.splitlines()[0]
        assert ",".join(row) == shown
    row = described["components"]["schemas"]["MoviesGenreYearsRow"]["properties"]
    assert "doc('total_budget')" in row["total_budget"]["description"]
    assert row["genre_id"]["type"] == ["integer", "null"]
    assert row["average_budget"]["type"] == ["number", "null"]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_schemathesis_finds_no_way_to_break_the_description(server, tmp_path, seed):
    rules = tmp_path / "rules.toml"
    # That a range ends after its start, that there are a million intervals at most, and which build
    # is published cannot be described; so a request that fits the description may be refused.
    rules.write_text(
        '[checks]\npositive_data_acceptance.expected-statuses = ["2xx", "304", "400", "409"]\n'
    )
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("schemathesis")),
            *("--config-file", str(rules), "run", f"{server.url}/openapi.json"),
            *("--checks", "all", "--seed", str(seed), "--max-examples", "6", "--no-color"),
            *("--request-timeout", "60"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{2 + len(ENDPOINTS)} selected / {2 + len(ENDPOINTS)} total" in done.stdout


def test_many_questions_at_once_get_their_own_answers(client, sql):
    years = range(1900, 2020)
    expected = {
        year: as_json(*sql(WHOLE[COMPANIES].format(f"where release_year = {year}")))
        for year in years
    }

    def ask(year: int) -> str:
        return client.get(COMPANIES, params={"year": year}).text

    with ThreadPoolExecutor(16) as pool:
        for year, text in zip(years, pool.map(ask, years), strict=True):
            assert text == expected[year]
