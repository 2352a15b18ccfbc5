"""Deliveries from databases and the web: whole or not at all, and no password anywhere."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import duckdb
import pytest
from casebook.errors import CasebookError
from casebook.fetch.run import FetchReport, fetch
from casebook.load.run import load
from casebook.settings import Settings
from services import ESCAPED, PASSWORD, web_server

DATABASE = """
sources:
  - name: shop
    config: {meta: {fetch: {database: {env: SHOP_URL}}}}
    tables:
      - name: orders
        config: {meta: {aliases: [purchase], key: [id]}}
        columns: [{name: id}, {name: total, config: {meta: {aliases: [sum]}}}, {name: note}]
      - name: items
        config: {meta: {key: [order_id, line]}}
        columns: [{name: order_id}, {name: line}]
"""
ORDERS = "create table orders (id int, total numeric(4, 2), note text)"
ITEMS = "create table items (line int, order_id bigint)"
WEB = """
sources:
  - name: movies
    tables:
      - name: movies
        config: {{meta: {{fetch: {{files: {address}{more}}}}}}}
        columns: [{{name: id}}, {{name: title}}]
"""
CSV = b"id,title\n" + b"".join(b"%d,Title %d\n" % (n, n) for n in range(20_000))


@pytest.fixture
def project(tmp_path, monkeypatch) -> Settings:
    monkeypatch.setenv("FETCHED_URL", "")
    (tmp_path / "dbt_project.yml").write_text("name: tiny\n")
    (tmp_path / "models").mkdir()
    declare(tmp_path, DATABASE)
    return Settings(tmp_path, tmp_path / "raw", tmp_path / "lake", tmp_path / "warehouse.db")


def declare(project: Path, sources: str) -> None:
    (project / "models" / "_shop__sources.yml").write_text(sources)


def snapshot(settings: Settings, table: str) -> list[tuple]:
    return duckdb.sql(f"from '{settings.raw}/shop/{table}/{table}.parquet'").fetchall()


def files(folder: Path) -> dict[str, bytes]:
    found = folder.rglob("*")
    return {str(p.relative_to(folder)): p.read_bytes() for p in found if p.is_file()}


def quickly(settings: Settings, **options: object) -> FetchReport:
    return fetch(settings, pauses=(0, 0), **options)


def why(report: FetchReport) -> str:
    ((_, error),) = report.failures
    return str(error)


def test_values_are_texts_as_the_database_spells_them(project, postgres, monkeypatch):
    """Null and the empty text stay two things; times with a zone are in UTC; arrays are JSON."""
    address = postgres.new_database(
        "create table orders (id int, total numeric(4, 2), note text, tags text[], sizes numeric[],"
        " facts jsonb, paid_at timestamptz, sent_at timestamp, is_paid bool, ratio float8,"
        " seal bytea)",
        """insert into orders values
            (10, 0.5, '', '{a,"b,c",null}', '{1.50}', '{"x": [1]}', '2020-01-01 00:30+02',
             '2020-01-01 00:30', true, 0.1, '\\x00ff'),
            (9, null, null, null, null, null, null, null, null, null, null),
            (1000000000, 20, E'two\\nlines "x"', '{}', '{}', 'null', 'infinity', null, false,
             1e300, '')""",
        ITEMS,
    )
    name = address.rpartition("/")[2]
    for setting in ("timezone to 'Asia/Tokyo'", "datestyle to 'German'", "bytea_output to escape"):
        postgres.run(address, f"alter database {name} set {setting}")
    monkeypatch.setenv("SHOP_URL", address)
    report = quickly(project)
    assert report.fetched == [("shop.orders", "3 rows"), ("shop.items", "0 rows")]
    assert snapshot(project, "orders") == [
        ("9", *[None] * 10),
        ("10", "0.50", "", '["a","b,c",null]', "[1.50]", '{"x": [1]}', "2019-12-31 22:30:00+00",
         "2020-01-01 00:30:00", "true", "0.1", "\\x00ff"),
        ("1000000000", "20.00", 'two\nlines "x"', "[]", "[]", "null", "infinity", None, "false",
         "1e+300", "\\x"),
    ]  # fmt: skip
    (entry,) = [file.entry for file in load(project, ["shop.orders"]).files]
    landed = duckdb.sql(f"select id, total, note from '{project.lake / entry.landed_file}'")
    assert landed.fetchall()[:2] == [("9", None, None), ("10", "0.50", "")]


def test_equal_content_is_an_equal_file_which_is_left_alone(project, postgres, monkeypatch):
    rows = (
        "insert into orders select n, n % 97 / 7.0, 'note ' || n from generate_series(1, 3000) as n"
    )
    address = postgres.new_database(ORDERS, ITEMS, rows, "insert into orders values (5), (5)")
    monkeypatch.setenv("SHOP_URL", address)
    quickly(project)
    before = files(project.raw)
    changed = (project.raw / "shop/orders/orders.parquet").stat().st_mtime_ns
    postgres.run(address, "update orders set note = note where id % 3 = 0", "vacuum full orders")
    report = quickly(project)
    assert not report.fetched and len(report.unchanged) == 2
    assert files(project.raw) == before
    assert (project.raw / "shop/orders/orders.parquet").stat().st_mtime_ns == changed


def test_a_smaller_snapshot_replaces_a_larger_one(project, postgres, monkeypatch):
    rows = "insert into orders select n, n % 97, 'n' from generate_series(1, 5000) as n"
    address = postgres.new_database(ORDERS, ITEMS, rows)
    monkeypatch.setenv("SHOP_URL", address)
    quickly(project)
    load(project, [])
    postgres.run(address, "delete from orders where id > 3")
    quickly(project)
    (amended,) = [file for file in load(project, []).files if file.entry.table_name == "orders"]
    assert (amended.entry.state, amended.entry.landed) == ("amended", 3)


def test_tables_are_found_by_their_aliases_and_quoted(project, postgres, monkeypatch):
    odd = "Purchase"
    address = postgres.new_database(
        "create schema app",
        f'create table app."{odd}" ("Id" int, "order" text, "a""b; --" text)',
        f"insert into app.\"{odd}\" values (2, 'x', 'y'), (1, null, '')",
        ITEMS,
    )
    monkeypatch.setenv("SHOP_URL", address)
    assert quickly(project).fetched[0] == ("shop.orders", "2 rows")
    found = duckdb.sql(f"from '{project.raw}/shop/orders/orders.parquet'")
    assert found.columns == ["Id", "order", 'a"b; --']
    assert found.fetchall() == [("1", None, ""), ("2", "x", "y")]
    postgres.run(address, "create schema other", "create table other.purchase (id int)")
    assert "2 tables for shop.orders: app.Purchase, other.purchase" in why(quickly(project))


def test_all_tables_of_a_source_come_together_or_none(project, postgres, monkeypatch):
    address = postgres.new_database(ORDERS, ITEMS, "insert into orders values (1)")
    monkeypatch.setenv("SHOP_URL", address)
    quickly(project)
    before = files(project.raw)
    postgres.run(address, "insert into orders values (2)", "alter table items rename to gone")
    assert why(quickly(project)).startswith("SHOP_URL: the database has no table items\nFix: ")
    assert files(project.raw) == before
    postgres.run(address, "alter table gone rename to items", "insert into items values (1, 1)")
    assert len(quickly(project).fetched) == 2


def test_all_tables_are_as_of_one_moment(project, postgres, monkeypatch):
    """What is committed while a source is copied is in none of its tables."""
    address = postgres.new_database(ORDERS, ITEMS, "insert into orders values (1), (2)")
    monkeypatch.setenv("SHOP_URL", address)

    def buy_more(table: str, done: int, unit: str) -> None:
        assert (done, unit) == (2, "rows")
        postgres.run(address, "insert into items values (1, 3)", "insert into orders values (3)")

    quickly(project, progress=buy_more)
    assert (len(snapshot(project, "orders")), snapshot(project, "items")) == (2, [])


def test_an_empty_table_replaces_one_with_rows_only_when_allowed(project, postgres, monkeypatch):
    address = postgres.new_database(ORDERS, ITEMS, "insert into orders values (1)")
    monkeypatch.setenv("SHOP_URL", address)
    quickly(project)
    postgres.run(address, "delete from orders")
    assert "shop.orders has no rows now, and had 1" in why(quickly(project))
    assert len(snapshot(project, "orders")) == 1
    assert quickly(project, allow_empty=True).fetched == [("shop.orders", "0 rows")]
    assert snapshot(project, "orders") == []


def test_a_user_who_may_only_read_is_enough(project, postgres, monkeypatch):
    address = postgres.new_database(
        ORDERS,
        ITEMS,
        f"create role reader login password '{PASSWORD}'",
        "grant select on orders to reader",
    )
    database = address.rpartition("/")[2]
    monkeypatch.setenv("SHOP_URL", postgres.address(database, "reader"))
    assert why(quickly(project)) == (
        "SHOP_URL: permission denied for table items\nFix: grant the user what is missing"
    )
    postgres.run(address, "grant select on items to reader")
    assert len(quickly(project).fetched) == 2


def test_a_connection_that_breaks_is_tried_again(project, postgres, monkeypatch):
    address = postgres.new_database(
        ORDERS, ITEMS, "insert into orders select n from generate_series(1, 10) as n"
    )
    monkeypatch.setenv("SHOP_URL", address)
    broken = []

    def cut(table: str, done: int, unit: str) -> None:
        if len(broken) < breaks:
            broken.append(table)
            postgres.run(
                postgres.address("postgres"),
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where application_name = 'casebook fetch'",
            )

    breaks = 1
    assert len(quickly(project, progress=cut).fetched) == 2
    before, breaks = files(project.raw), 99
    postgres.run(address, "delete from orders where id > 1")
    assert "SHOP_URL: " in why(quickly(project, progress=cut, allow_empty=True))
    assert len(broken) == 1 + 3 and files(project.raw) == before


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://postgres:{escaped}x@127.0.0.1:{port}/postgres",
        "postgresql://postgres:{password}@127.0.0.1:{port}/postgres",
        "postgresql://postgres:{escaped}@127.0.0.1:{port}/none",
        "postgresql://postgres:{escaped}@127.0.0.1:1/postgres",
        "host=127.0.0.1 port=1 user=postgres password='{password}'",
        "mysql://root:{password}@127.0.0.1/shop",
        "{password}",
    ],
)
def test_no_password_is_shown(project, postgres, monkeypatch, address):
    filled = address.format(password=PASSWORD, escaped=ESCAPED, port=postgres.port)
    monkeypatch.setenv("SHOP_URL", filled)
    report = quickly(project)
    assert why(report).startswith("SHOP_URL: ") and "\nFix: " in why(report)
    kept = b"".join(files(project.lake).values()).decode()
    for part in ("se:cr", "et@1", ESCAPED):
        assert part not in why(report) + repr(report) + kept


def test_what_is_not_set_is_skipped_and_listed(project, monkeypatch):
    monkeypatch.setenv("SHOP_URL", " ")
    run = subprocess.run(
        [sys.executable, "-m", "casebook.cli.main", "fetch"],
        cwd=project.project,
        capture_output=True,
        text=True,
    )
    assert run.stdout.splitlines() == [
        "skipped shop.orders: SHOP_URL is not set",
        "skipped shop.items: SHOP_URL is not set",
        "nothing new was fetched",
    ]
    assert (run.returncode, run.stderr, project.raw.exists()) == (0, "", False)


@pytest.mark.parametrize(
    ("declaration", "reason"),
    [
        ("{files: 'http://u:p@h/x.csv'}", "an address with a user in it"),
        ("{file: 'http://h/x.csv'}", "not understood"),
        ("{files: 'http://h/x.csv', database: {env: A}}", "not understood"),
        ("{database: {env: A}, member: x}", "not understood"),
        ("{files: {url: A}}", "not understood"),
        ("{files: 's3://b/*.csv', sha256: ab}", "which only one file can have"),
    ],
)
def test_a_wrong_declaration_is_refused(project, declaration, reason):
    declare(project.project, DATABASE.replace("{database: {env: SHOP_URL}}", declaration))
    assert reason in why(quickly(project))


def test_a_source_that_declares_no_place_cannot_be_fetched(project):
    with pytest.raises(CasebookError, match="no source blog declares where it comes from"):
        fetch(project, ["blog"])


@contextlib.contextmanager
def movies(project: Settings, more: str = "", **behaviour: object):
    with web_server(**({"content": CSV} | behaviour)) as web:
        os.environ["FETCHED_URL"] = web.address
        declare(project.project, WEB.format(address="{env: FETCHED_URL}", more=more))
        yield web


def test_a_broken_download_is_resumed(project):
    with movies(project, breaks=[1000, 5000]) as web:
        assert quickly(project).fetched == [("movies.movies", f"{len(CSV):,} bytes")]
    assert files(project.raw) == {"movies/movies/movies.csv": CSV}
    assert [headers.get("range") for _, headers in web.seen] == [None, "bytes=1000-", "bytes=6000-"]


@pytest.mark.parametrize("behaviour", [{"ranges": False}, {"etag": None}, {"etag": 'W/"1"'}])
def test_where_the_server_cannot_resume_it_starts_anew(project, behaviour):
    with movies(project, breaks=[1000], **behaviour):
        quickly(project)
    assert files(project.raw) == {"movies/movies/movies.csv": CSV}


def test_the_rest_of_another_version_is_not_taken(project):
    with movies(project, breaks=[1000, 10, 10]) as web:
        assert "the download broke off" in why(quickly(project))
        web.content, web.etag = CSV[::-1], '"2"'
        quickly(project)
    assert files(project.raw) == {"movies/movies/movies.csv": CSV[::-1]}


def test_a_download_that_stays_broken_leaves_what_was_there(project):
    with movies(project, breaks=[]) as web:
        quickly(project)
        web.content, web.etag, web.breaks = CSV * 2, '"2"', [100, 100, 100]
        assert why(quickly(project)).startswith("FETCHED_URL: the download broke off: 300 of ")
        assert files(project.raw) == {"movies/movies/movies.csv": CSV}
        assert len(quickly(project).fetched) == 1
    assert files(project.raw) == {"movies/movies/movies.csv": CSV * 2}


@pytest.mark.parametrize(("status", "tries"), [(404, 1), (403, 1), (503, 3), (429, 3)])
def test_only_what_may_pass_is_tried_again(project, status, tries):
    with movies(project, statuses=[status] * 3) as web:
        assert f"FETCHED_URL: the server answers {status}" in why(quickly(project))
    assert len(web.seen) == tries and not project.raw.exists()


def test_the_sum_is_checked(project):
    right = hashlib.sha256(CSV).hexdigest()
    with movies(project, f", sha256: {right.upper()}") as web:
        web.content = CSV[:-1]
        assert "is declared\nFix: " in why(quickly(project))
        assert not project.raw.exists()
        web.content = CSV
        assert len(quickly(project).fetched) == 1
        asked = len(web.seen)
        assert quickly(project).unchanged == [
            ("movies.movies", "nothing new: it has the declared sum")
        ]
        assert len(web.seen) == asked


def test_what_is_there_is_not_downloaded_again(project):
    with movies(project) as web:
        quickly(project)
        assert "nothing new: the server has what it had" in quickly(project).unchanged[0][1]
        assert web.seen[-1][1]["if-none-match"] == '"1"'
        web.etag = '"2"'
        assert "nothing new: the same bytes came again" in quickly(project).unchanged[0][1]
        (project.raw / "movies/movies/movies.csv").unlink()
        assert len(quickly(project).fetched) == 1


def archive() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data/movies_metadata.csv", CSV)
        archive.writestr("data/keywords.csv", b"id\n")
    return packed.getvalue()


def test_the_member_of_an_archive_is_taken(project):
    with movies(project, ", member: movies_metadata.csv", content=archive()):
        assert len(quickly(project).fetched) == 1
        assert len(quickly(project).unchanged) == 1
    assert files(project.raw) == {"movies/movies/movies_metadata.csv": CSV}


def test_the_member_may_be_the_file_itself(project):
    with movies(project, ", member: data/movies.csv"):
        quickly(project)
    assert files(project.raw) == {"movies/movies/movies.csv": CSV}


@pytest.mark.parametrize("content", [archive(), archive()[:-30], CSV])
def test_an_archive_without_the_member_is_refused(project, content):
    with movies(project, ", member: links.csv", content=content):
        assert "the member links.csv cannot be taken out of the archive" in why(quickly(project))
    assert not project.raw.exists()


def test_a_password_goes_to_its_server_only(project):
    with web_server(content=CSV) as other, movies(project, moved_to=other.address) as web:
        os.environ["FETCHED_URL"] = web.address.replace("//", f"//me:{ESCAPED}@") + "?key=t0ken"
        assert len(quickly(project).fetched) == 1
        assert web.seen[0][1]["authorization"].startswith("Basic ")
        assert web.seen[0][0].endswith("?key=t0ken")
        assert "authorization" not in other.seen[0][1]
        web.moved_to, web.statuses = None, [403]
        report = quickly(project)
    kept = b"".join(files(project.lake).values()).decode()
    for secret in ("t0ken", ESCAPED, PASSWORD):
        assert secret not in kept + why(report) + repr(report)


def test_one_source_that_fails_does_not_keep_the_others(project, postgres, monkeypatch):
    monkeypatch.setenv("SHOP_URL", postgres.new_database(ORDERS, ITEMS))
    with movies(project, statuses=[404]) as web:
        both = WEB.format(address=web.address, more="")
        declare(project.project, both + DATABASE.replace("sources:\n", ""))
        report = quickly(project)
    assert [table for table, _ in report.fetched] == ["shop.orders", "shop.items"]
    assert [source for source, _ in report.failures] == ["movies"]


def test_a_fetch_that_was_killed_while_it_moved_files_is_ended_by_the_next(project):
    """The journal of moves is written before the first one; whatever is left is moved first."""
    with movies(project) as web:
        quickly(project)
        place = project.lake / "_fetch" / "movies"
        (place / "movies.whole").write_bytes(b"id,title\n1,New\n")
        target = project.raw / "movies/movies/movies.csv"
        (place / "moves.json").write_text(f'{{"{place}/movies.whole": "{target}"}}')
        web.statuses = [404]
        assert quickly(project).failures
        assert target.read_bytes() == b"id,title\n1,New\n" and not (place / "moves.json").exists()
        for name in ("moves.json", "known.json"):
            (place / name).write_text('{"movies": ')
        assert quickly(project).fetched and target.read_bytes() == web.content
