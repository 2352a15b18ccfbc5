"""Marts in PostgreSQL: all of a build or none of it, equal to the warehouse row by row."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import psycopg
import pytest
from casebook.deliver.run import DeliveryReport, deliver
from casebook.errors import CasebookError
from casebook.settings import Settings
from workbench import catches

KEYS = {"shop.orders": [["order_id"]], "audit.rejected_rows": [["source_file", "record"]]}
META = {"shop.orders": {"deliver": "store.purchase"}}
TYPES = """
    create schema odd;
    create view odd."All; types" as select
        1::tinyint as a, 2::utinyint as b, 3::uinteger as c, 18446744073709551615::ubigint as d,
        -9999999999999999999999999999999999999::hugeint as e, 1.50::decimal(18, 6) as f,
        0.1::double as g, 0.5::float as h, true as i, 'x' as j, '\\x00'::blob as k,
        date '0001-01-01' as l, timestamp '2020-01-01 01:02:03.000004' as m,
        timestamptz '2020-01-01 00:00:00+02' as n, time '01:02:03' as o, [1, null]::bigint[] as p,
        ['a', chr(0), null] as q, {'x': 1} as r, [{'x': 1}] as s,
        uuid '6d3d1f3c-7b1f-4a57-9a4c-2f1c7f6c1a11' as "order",
        'é' || chr(0) || '😀' as t, interval 1 day as u
    union all select
        null, null, null, null, null, null, 'nan', '-inf', null, '', null, null, null, null, null,
        [], null, null, null, null, null, null;
    create table odd.without_text (n int);
"""


class Shop:
    """A warehouse file with a few marts, and the database that they are delivered to."""

    def __init__(self, folder: Path, address: str) -> None:
        self.address, self.path = address, folder / "warehouse.db"
        self.settings = Settings(folder, folder / "raw", folder / "lake", self.path)
        self.builds = 0
        self.write(
            "create schema audit",
            "create table audit.builds (build_id varchar, build_number bigint)",
            "create table audit.declarations"
            " (relation varchar, materialized varchar, access varchar, keys json, meta json)",
            "create schema shop",
            "create table shop.orders"
            " (order_id bigint not null, total decimal(9, 2), note varchar, tags bigint[])",
            "insert into shop.orders select n, n / 4, 'note ' || n, [n, 1] from range(100) as t(n)",
            "create table shop.views (product varchar, seen_on date)",
            "insert into shop.views select 'p' || n % 3, null from range(10) as t(n)",
            "create table audit.rejected_rows"
            " (source_file varchar not null, record bigint not null, raw_text varchar)",
            "insert into audit.rejected_rows values ('a.csv', 1, 'secret')",
            "create table shop.hidden (x int)",
            "create macro shop.orders_of(n) as table select 1 as x",
            "comment on table shop.orders is 'One row per order. It''s ours.'",
            "comment on column shop.orders.total is 'What was paid.'",
        )
        self.build()

    def write(self, *statements: str) -> None:
        with duckdb.connect(str(self.path)) as connection:
            for statement in statements:
                connection.execute(statement)

    def build(self, *statements: str) -> None:
        """Change the warehouse, and say so."""
        self.builds += 1
        self.write(
            *statements,
            f"insert into audit.builds values ('b{self.builds}', {self.builds})",
            "delete from audit.declarations",
        )
        with duckdb.connect(str(self.path)) as connection:
            for schema, name in connection.execute(
                "select schema_name, table_name from duckdb_tables() union all"
                " select schema_name, view_name from duckdb_views() where not internal"
            ).fetchall():
                relation = f"{schema}.{name}"
                access = "protected" if name in ("hidden", "declarations") else "public"
                keys, meta = KEYS.get(relation, []), META.get(relation, {})
                connection.execute(
                    "insert into audit.declarations values (?, 'table', ?, ?, ?)",
                    [relation, access, json.dumps(keys), json.dumps(meta)],
                )

    def deliver(self, *selected: str, **options: bool) -> DeliveryReport:
        return deliver(self.settings, selected, **options)

    def query(self, sql: str) -> list[tuple]:
        with psycopg.connect(self.address, autocommit=True) as connection:
            cursor = connection.execute(sql)
            return cursor.fetchall() if cursor.description else []

    def holds(self) -> set[tuple]:
        return set(self.query("select build_id, count(*) from audit.deliveries group by 1"))


@pytest.fixture
def shop(tmp_path, postgres, monkeypatch) -> Shop:
    address = postgres.new_database()
    monkeypatch.setenv("CASEBOOK_DELIVER_URL", address)
    return Shop(tmp_path, address)


def assert_equal(report: DeliveryReport) -> None:
    assert report.differences and set(report.differences.values()) == {(0, 0)}


def test_public_marts_arrive_with_types_comments_and_constraints(shop):
    report = shop.deliver(verify=True)
    assert report.delivered == [
        ("audit.builds", 1, 1),
        ("audit.rejected_rows", 1, 1),
        ("store.purchase", 100, 100),
        ("shop.views", 10, 10),
    ]
    assert_equal(report)
    assert shop.query(
        "select column_name, data_type, is_nullable, col_description('store.purchase'::regclass,"
        " ordinal_position) from information_schema.columns where table_schema = 'store'"
        " order by ordinal_position"
    ) == [
        ("order_id", "bigint", "NO", None),
        ("total", "numeric", "YES", "What was paid."),
        ("note", "text", "YES", None),
        ("tags", "ARRAY", "YES", None),
    ]
    assert shop.query(
        "select obj_description('store.purchase'::regclass), pg_get_constraintdef(oid)"
        " from pg_constraint where conrelid = 'store.purchase'::regclass"
    ) == [("One row per order. It's ours.", "PRIMARY KEY (order_id)")]
    assert shop.query("select * from store.purchase where order_id = 3") == [
        (3, pytest.approx(0.75), "note 3", [3, 1])
    ]
    assert shop.query(
        "select table_name, row_count from audit.deliveries where build_id = 'b1' order by 1"
    ) == [("builds", 1), ("purchase", 100), ("rejected_rows", 1), ("views", 10)]


def test_raw_text_is_delivered_only_when_asked_for(shop):
    shop.deliver()
    assert shop.query("select * from audit.rejected_rows") == [("a.csv", 1)]
    assert shop.deliver(with_raw_text=True).delivered == [("audit.rejected_rows", 1, 1)]
    assert shop.query("select * from audit.rejected_rows") == [("a.csv", 1, "secret")]
    shop.deliver()
    assert shop.query("select * from audit.rejected_rows") == [("a.csv", 1)]


def test_every_type_arrives_and_is_compared(shop):
    """PostgreSQL takes no U+0000: it becomes U+FFFD, and is counted."""
    shop.build(TYPES)
    report = shop.deliver("odd", verify=True)
    assert report.replaced == {"odd.All; types": 2}
    assert_equal(report)
    row = shop.query("""select d, e, f, q, r, s, t from odd."All; types" where a = 1""")[0]
    assert list(map(str, row)) == [
        "18446744073709551615",
        "-9999999999999999999999999999999999999",
        "1.500000",
        str(["a", "\ufffd", None]),
        '{"x":1}',
        '[{"x":1}]',
        "é\ufffd😀",
    ]


def test_only_what_differs_is_written(shop):
    shop.deliver()
    shop.build(
        "update shop.orders set note = null, tags = [7] where order_id = 5",
        "delete from shop.orders where order_id = 6",
        "insert into shop.orders values (1000, 1, '', [])",
        "insert into shop.views values ('p0', null), ('p9', date '2020-01-01')",
        "delete from shop.views where product = 'p1'",
    )
    report = shop.deliver(verify=True)
    assert report.delivered == [
        ("audit.builds", 2, 1),
        ("audit.rejected_rows", 1, 0),
        ("store.purchase", 100, 3),
        ("shop.views", 9, 5),
    ]
    assert_equal(report)


def test_the_same_build_again_does_nothing(shop):
    shop.deliver()
    before = shop.query("select xmin::text, * from audit.deliveries order by 2, 3")
    report = shop.deliver()
    assert (report.delivered, len(report.unchanged)) == ([], 4)
    assert shop.query("select xmin::text, * from audit.deliveries order by 2, 3") == before


def test_verify_sees_what_somebody_changed(shop):
    shop.deliver()
    shop.query("update store.purchase set total = total + 0.01 where order_id < 2")
    shop.query("delete from shop.views where ctid = '(0,1)'")
    differences = shop.deliver(verify=True).differences
    assert differences["store.purchase"] == (2, 2) and differences["shop.views"] == (1, 0)
    shop.build()
    assert_equal(shop.deliver(verify=True))


def test_columns_that_change_are_altered_and_grants_stay(shop):
    shop.deliver()
    shop.query("create role analyst")
    shop.query("grant select on store.purchase to analyst")
    shop.query("create view public.paid as select order_id, total from store.purchase")
    shop.build(
        "alter table shop.orders add column state varchar default 'new'",
        "alter table shop.orders alter state set not null",
        "alter table shop.orders drop column tags",
        "alter table shop.orders alter note type integer using length(note)",
        "comment on column shop.orders.total is 'Paid.'",
    )
    assert_equal(shop.deliver(verify=True))
    assert shop.query("select note, state from store.purchase where order_id = 1") == [(6, "new")]
    assert shop.query("select has_table_privilege('analyst', 'store.purchase', 'select')")[0][0]
    assert shop.query("select count(*) from public.paid") == [(100,)]
    assert shop.query("select col_description('store.purchase'::regclass, 2)") == [("Paid.",)]
    shop.query("drop owned by analyst")
    shop.query("drop role analyst")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("alter table shop.orders alter total type double", "cannot alter type of a column"),
        ("alter table shop.orders drop column total", "cannot drop column total"),
    ],
)
def test_what_a_view_needs_is_not_altered_and_nothing_is_changed(shop, change, reason):
    shop.deliver()
    shop.query("create view public.paid as select order_id, total from store.purchase")
    shop.build(change, "delete from shop.views")
    with pytest.raises(CasebookError, match=rf"{reason}[^$]*\nFix: drop the view"):
        shop.deliver()
    assert shop.query("select count(*) from shop.views") == [(10,)]
    assert shop.holds() == {("b1", 4)}
    shop.query("drop view public.paid")
    assert_equal(shop.deliver(verify=True))


def test_a_lock_is_waited_for_five_seconds_at_most(shop):
    shop.deliver()
    shop.build("alter table shop.orders drop column tags")
    with psycopg.connect(shop.address) as reader:
        reader.execute("select count(*) from store.purchase")
        began = time.monotonic()
        with pytest.raises(CasebookError, match=r"lock timeout\nFix: "):
            shop.deliver()
        assert 4 < time.monotonic() - began < 20
    assert shop.holds() == {("b1", 4)}
    assert_equal(shop.deliver(verify=True))


def test_a_table_that_no_delivery_made_is_left_alone(shop):
    shop.query("create schema store")
    shop.query("create table store.purchase (mine int)")
    with pytest.raises(CasebookError, match=r"has a store.purchase that no delivery made"):
        shop.deliver()
    assert shop.query("select to_regclass('audit.deliveries'), to_regclass('shop.views')") == [
        (None, None)
    ]


def test_a_table_that_is_gone_is_made_anew(shop):
    shop.deliver()
    shop.query("drop table store.purchase")
    assert shop.deliver().delivered == [("store.purchase", 100, 100)]


def test_some_marts_can_be_chosen(shop):
    assert [name for name, *_ in shop.deliver("orders", "audit").delivered] == [
        "audit.builds",
        "audit.rejected_rows",
        "store.purchase",
    ]
    with pytest.raises(CasebookError, match="no mart is called order\nFix: name one of: audit"):
        shop.deliver("order")


def test_one_delivery_at_a_time(shop):
    with psycopg.connect(shop.address) as other:
        key = int.from_bytes(b"casebook", "big")
        other.execute(f"select pg_advisory_lock({key})")
        with pytest.raises(CasebookError, match="another delivery is running"):
            shop.deliver()
    shop.deliver()


def test_readers_do_not_wait_and_see_whole_deliveries_only(shop):
    """While deliveries come one after the other, a reader never sees two builds at once."""
    shop.deliver()
    seen, stop, slowest = set(), threading.Event(), [0.0]

    def read() -> None:
        with psycopg.connect(shop.address) as reader:
            reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            while not stop.is_set():
                began = time.monotonic()
                with reader.transaction():
                    pair = [
                        reader.execute(sql).fetchone()
                        for sql in (
                            "select count(distinct note), min(note) from store.purchase",
                            "select count(distinct product), min(product) from shop.views",
                        )
                    ]
                slowest[0] = max(slowest[0], time.monotonic() - began)
                seen.add(tuple(pair))

    thread = threading.Thread(target=read)
    shop.build("update shop.orders set note = 'x'", "update shop.views set product = 'x'")
    shop.deliver()
    thread.start()
    for build in range(5):
        shop.build(
            f"update shop.orders set note = 'n{build}'",
            f"update shop.views set product = 'n{build}'",
        )
        shop.deliver()
    stop.set()
    thread.join()
    assert len(seen) > 1 and all(orders == views for orders, views in seen)
    assert slowest[0] < 2


def test_ctrl_c_while_the_database_works_is_one(shop):
    shop.deliver()
    shop.build("update shop.orders set note = 'x'")
    waits = (
        "select 1 from pg_stat_activity"
        " where application_name = 'casebook deliver' and wait_event_type = 'Lock'"
    )
    with psycopg.connect(shop.address) as other:
        other.execute("lock table store.purchase")
        run = subprocess.Popen(
            [sys.executable, "-m", "casebook.cli.main", "deliver"],
            env=os.environ | {"CASEBOOK_WAREHOUSE": str(shop.path)},
            stderr=subprocess.PIPE,
            text=True,
        )
        while not shop.query(waits) and run.poll() is None:
            time.sleep(0.01)
        run.send_signal(signal.SIGINT)
        assert (run.communicate()[1].splitlines()[-1], run.returncode) == ("interrupted", 130)


def test_killed_at_any_instant_the_old_delivery_stands(shop, pytestconfig):
    chance = random.Random(3)
    shop.build("insert into shop.orders select n, 1, 'x', null from range(1000, 20000) as t(n)")
    shop.deliver()
    command = [sys.executable, "-m", "casebook.cli.main", "deliver"]
    environment = os.environ | {"CASEBOOK_WAREHOUSE": str(shop.path)}

    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    began = time.monotonic()
    subprocess.run(command, env=environment, check=True, **pipes)
    whole = time.monotonic() - began
    killed = 0
    for build in range(pytestconfig.getoption("--faults") // 5):
        before = shop.holds()
        shop.build(
            f"update shop.orders set note = 'b{build}'",
            "insert into shop.views values ('x', null)",
        )
        run = subprocess.Popen(command, env=environment, **pipes)
        time.sleep(chance.uniform(0, 1.5 * whole))
        number = chance.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
        has_begun = number != signal.SIGKILL and catches(run.pid, signal.SIGTERM)
        run.send_signal(number)
        _, said = run.communicate()
        assert run.returncode in (0, 128 + number, *(() if has_begun else (-number,))), said
        assert run.returncode <= 0 or said.splitlines()[-1] == "interrupted"
        killed += run.returncode != 0
        deadline = time.monotonic() + 20
        while (
            shop.query("select 1 from pg_stat_activity where application_name = 'casebook deliver'")
            and time.monotonic() < deadline
        ):
            time.sleep(0.01)
        now = shop.holds()
        assert now in (before, {(f"b{shop.builds}", 4)})
        notes = shop.query("select distinct note from store.purchase where order_id = 1")
        assert (notes == [(f"b{build}",)]) == (now != before)
        assert len(shop.query("select 1 from shop.views")) == int(
            shop.query("select row_count from audit.deliveries where table_name = 'views'")[0][0]
        )
    assert killed
    shop.build()
    assert_equal(shop.deliver(verify=True))


def test_a_table_does_not_grow_from_deliveries_that_change_little(shop):
    shop.build("insert into shop.orders select n, 1, 'x', null from range(1000, 21000) as t(n)")
    shop.build("insert into shop.views select 'p' || n, null from range(5000) as t(n)")
    shop.deliver()
    sizes = "select pg_total_relation_size('store.purchase'), pg_total_relation_size('shop.views')"
    before = shop.query(sizes)[0]
    for build in range(20):
        shop.build(
            f"update shop.orders set note = 'b{build}' where order_id % 1000 = {build}",
            f"update shop.views set product = 'b{build}' where product = 'p{build + 100}'",
        )
        shop.deliver()
    assert all(now <= 1.3 * then for now, then in zip(shop.query(sizes)[0], before, strict=True))


@pytest.mark.parametrize(
    ("variable", "reason"),
    [
        ("", "CASEBOOK_DELIVER_URL is not set"),
        ("postgresql://u:p@127.0.0.1:1/none", "Connection refused"),
    ],
)
def test_without_a_database_it_says_why(shop, monkeypatch, variable, reason):
    monkeypatch.setenv("CASEBOOK_DELIVER_URL", variable)
    with pytest.raises(CasebookError, match=reason):
        shop.deliver()


def test_without_a_warehouse_it_says_why(shop):
    shop.path.unlink()
    with pytest.raises(CasebookError, match=r"the warehouse cannot be read: .*no such file"):
        shop.deliver()


def test_the_command_prints_what_it_did(shop):
    def run(*options: str) -> Iterator[str]:
        done = subprocess.run(
            [sys.executable, "-m", "casebook.cli.main", "deliver", *options],
            env=os.environ | {"CASEBOOK_WAREHOUSE": str(shop.path)},
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stdout, done.stderr

    status, stdout, _ = run("--select", "shop", "--verify")
    assert (status, stdout) == (
        0,
        "table,rows,changed\nstore.purchase,100,100\nshop.views,10,10\n"
        "2 of 2 tables are equal, row by row\n",
    )
    assert run("-s", "shop")[:2] == (0, "nothing to do: the database has build b1\n")
    shop.query("delete from shop.views")
    status, stdout, stderr = run("-s", "shop", "--verify")
    assert (status, stdout) == (1, "1 of 2 tables are equal, row by row\n")
    # A slow machine shows progress there, too.
    assert stderr.endswith("differs shop.views: 10 rows only here, 0 rows only there\n")
