"""SQLite databases: what lands of a table, what is quarantined, what is refused."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pytest
from casebook.lake.quarantine import Quarantine
from casebook.load.measure import measure
from casebook.readers import sqlite_file
from casebook.readers.base import Raw, Text, Workspace
from casebook.sources import Column, Table, read_sources
from hypothesis import given, settings
from hypothesis import strategies as st
from loading import Workshop
from loading import shop as shop

NAME = "a.db#orders"
THREE = "create table orders (Id, Amount, Note)"


def deliver(
    shop: Workshop, *statements: str, rows: list[tuple] | None = None, name: str = "a.db"
) -> Path:
    """Write a database into the folder of the table `orders`; `rows` go into that table."""
    path = shop.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as database:
        for statement in statements:
            database.execute(statement)
        if rows:
            marks = ", ".join("?" * len(rows[0]))
            database.executemany(f"insert into orders values ({marks})", rows)
        database.commit()
    return path


def records(path: Path, member: str | None = "orders") -> list[tuple[int, bytes]]:
    table = Table("shop", "orders", (Column("Id"),))
    return list(sqlite_file.texts(Raw(path, None, table, lambda: measure(path, None), member)))


VALUES = [
    ('it\'s "x", é😀\n\0end', 'it\'s "x", é😀\n\0end'),
    ('],"",[', '],"",['),
    ("", ""),
    (None, None),
    (679644799952992890, "679644799952992890"),
    (-(2**63), "-9223372036854775808"),
    (1.5, "1.5"),
    (5.0, "5.0"),
    (0.1 + 0.2, "0.30000000000000004"),
    (1e22, "1e+22"),
    (5e-324, "5e-324"),
    (float("inf"), "Infinity"),
    (float("-inf"), "-Infinity"),
    (float("nan"), None),
    ("é".encode(), "é"),
    (b"", ""),
]


@pytest.mark.parametrize(("value", "text"), VALUES, ids=[repr(value) for value, _ in VALUES])
def test_a_value_lands_as_text_whatever_its_neighbours(
    shop: Workshop, value: object, text: str | None
) -> None:
    deliver(shop, THREE, rows=[(1, value, None)], name="clean.db")
    deliver(shop, THREE, rows=[(1, value, b"\xff"), (2, value, "x")], name="dirty.db")
    shop.load()
    assert shop.landed("clean.db#orders") == [(1, "1", text, None)]
    assert shop.landed("dirty.db#orders") == [(2, "2", text, "x")]
    assert shop.went_fast("clean.db#orders") and not shop.went_fast("dirty.db#orders")
    assert shop.entry("clean.db#orders").format == "sqlite"


def test_rows_keep_the_order_of_the_rowid(shop: Workshop) -> None:
    rows = [(n * 7919 % 5000, "x", n, *"pads") for n in range(5000)]
    deliver(
        shop,
        "create table orders (Id integer primary key, Amount, Note, p1, p2, p3, p4)",
        "create index by_note on orders (Note, Amount)",
        rows=rows,
    )
    shop.load()
    entry = shop.entry(NAME)
    assert (entry.state, entry.records, entry.landed) == ("new", 5000, 5000)
    assert shop.went_fast(NAME)
    landed = shop.landed(NAME)
    assert [row[:2] for row in landed] == [(n + 1, str(n)) for n in range(5000)]
    assert {(int(i), int(n)) for _, i, _, n in landed} == {(i, n) for i, _, n, *_ in rows}


def test_a_table_without_rowid_and_generated_columns_land(shop: Workshop) -> None:
    deliver(
        shop,
        "create table orders (Id text primary key, Amount generated always as (Id || '!'), Note"
        " generated always as (Id || '?') stored) without rowid",
        "create index by_amount on orders (Amount)",
        "create trigger t after insert on orders begin delete from orders where Id = 'x'; end",
        "insert into orders (Id) values ('b'), ('a')",
    )
    shop.load()
    assert shop.landed(NAME) == [(1, "a", "a!", "a?"), (2, "b", "b!", "b?")]


HOSTILE = {
    "a view": ("create view orders as select 1 as Id", "no table orders; its tables are: t"),
    "a view without end": (
        "create view orders as with recursive n(Id) as (select 1 union all select Id + 1 from n)"
        " select Id from n",
        "no table orders; its tables are: t",
    ),
    "a module's table": (
        "create virtual table orders using rtree(Id, a, b)",
        "no table orders; its tables are: orders_node, orders_parent, orders_rowid, t",
    ),
    "a long generated value": (
        "create table orders (Id, Note as (hex(zeroblob(20000000))))",
        "longer than 32 MiB",
    ),
    "many long generated values": (
        "create table orders (Id, "
        + ", ".join(f"c{n} as (zeroblob(9000000))" for n in range(9))
        + ")",
        "longer than 32 MiB",
    ),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_only_tables_are_read_and_what_they_compute_is_bounded(shop: Workshop, kind: str) -> None:
    statement, reason = HOSTILE[kind]
    rows = [(1,)] if "table orders (" in statement else []
    deliver(shop, "create table t (a)", statement, rows=rows)
    shop.load()
    assert reason in str(shop.entry(NAME).refusal)


def test_a_database_in_wal_mode_that_is_closed_lands(shop: Workshop) -> None:
    path = deliver(shop, "pragma journal_mode = wal", THREE, rows=[(1, 2, 3)])
    assert path.read_bytes()[18] == 2
    shop.load()
    assert shop.landed(NAME) == [(1, "1", "2", "3")]
    assert [p.name for p in shop.folder.iterdir()] == ["a.db"]


def test_a_database_of_utf16_text_lands(shop: Workshop) -> None:
    deliver(shop, "pragma encoding = 'UTF-16'", THREE, rows=[(1, "é😀", "")])
    shop.load()
    assert shop.landed(NAME) == [(1, "1", "é😀", "")]


def test_tables_and_columns_are_only_names(shop: Workshop) -> None:
    name = """it's "x", ou `é`: {z}"""
    shop.declare(
        f"sources: [{{name: shop, tables: [{{name: {json.dumps(name)}, columns: [{{name:"
        f" {json.dumps(name)}}}]}}]}}]"
    )
    quoted = '"' + name.replace('"', '""') + '"'
    path = shop.root / "raw" / "shop" / "x?y=1#z%20'é.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"create table {quoted} ({quoted})")
        database.execute(f"insert into {quoted} values ('v')")
        database.commit()
    report = shop.load()
    entry = report.files[0].entry
    assert entry.source_file == f"shop/x?y=1#z%20'é.db#{name}"
    landed = str(shop.settings.lake / str(entry.landed_file))
    found = duckdb.execute(f"select {quoted} from read_parquet(?)", [landed])
    assert found.fetchall() == [("v",)]
    assert records(path, name) == [(1, json.dumps({name: "v"}, ensure_ascii=False).encode())]


def test_a_table_with_none_of_the_declared_columns_lands_its_rows(shop: Workshop) -> None:
    shop.declare("sources: [{name: shop, tables: [{name: orders, columns: [{name: Id}]}]}]")
    deliver(shop, "create table orders (x)", rows=[(1,), (None,)])
    shop.load()
    path = str(shop.settings.lake / str(shop.entry(NAME).landed_file))
    assert duckdb.execute("select Id from read_parquet(?)", [path]).fetchall() == [(None,)] * 2


def test_text_that_is_not_utf8_is_quarantined_as_it_is(shop: Workshop) -> None:
    path = deliver(
        shop,
        "create table orders (Id, Amount, other)",
        "insert into orders values (1, 'good', 2.5), (2, cast(x'61ff62' as text), 'é\"'),"
        " (3, null, cast(x'fe' as text)), (x'c3', 4, null)",
    )
    shop.load()
    entry = shop.entry(NAME)
    assert (entry.state, entry.records, entry.landed, entry.quarantined) == ("new", 4, 2, 2)
    assert shop.landed(NAME) == [(1, "1", "good", None), (3, "3", None, None)]
    second = b'{"Id": 2, "Amount": "a\xffb", "other": "\xc3\xa9\\""}'
    fourth = b'{"Id": "\xc3", "Amount": 4, "other": null}'
    assert shop.quarantine(NAME) == [
        (2, 2, "bad_bytes", second.decode("utf-8", "backslashreplace"), second),
        (4, 4, "bad_bytes", fourth.decode("utf-8", "backslashreplace"), fourth),
    ]
    assert shop.messages(NAME) == [
        "not UTF-8: byte 0xFF at byte 2 of its Amount",
        "not UTF-8: byte 0xC3 at byte 1 of its Id",
    ]
    assert records(path) == [
        (1, b'{"Id": 1, "Amount": "good", "other": 2.5}'),
        (2, second),
        (3, b'{"Id": 3, "Amount": null, "other": "\xfe"}'),
        (4, fourth),
    ]


def test_a_quarantined_row_lands_once_its_text_is_corrected(shop: Workshop) -> None:
    deliver(shop, "create table orders (iD, TOTAL, x)", rows=[(1, 2, 3), (4, b"a\xff", 0.5)])
    shop.load()
    ((number, line, _, _, raw),) = shop.quarantine(NAME)
    texts = [Text(number, line, raw), Text(number, line, raw.replace(b"\xff", b"\xc3\xa9"))]
    table = read_sources(shop.root)["shop.orders"]
    with duckdb.connect() as connection:
        landed = shop.root / "again.parquet"
        quarantine = Quarantine(shop.root / "again.jsonl")
        workspace = Workspace(connection, shop.root, landed, quarantine)
        assert sqlite_file.READER.again(table, workspace, {}, texts) == 1
        assert quarantine.count == 1
        query = "select _source_record, Id, Amount, Note from read_parquet(?)"
        found = connection.execute(query, [str(landed)]).fetchall()
        assert found == [(2, "4", "aé", None)]


def test_bad_bytes_far_down_keep_their_numbers(shop: Workshop) -> None:
    bad = {0, 63, 64, 511, 512, 4999}
    rows = [(n, b"\xff" if n in bad else "x", None) for n in range(5000)]
    deliver(shop, THREE, rows=rows)
    shop.load()
    assert [row[:2] for row in shop.landed(NAME)] == [
        (n + 1, str(n)) for n in range(5000) if n not in bad
    ]
    assert [row[0] for row in shop.quarantine(NAME)] == [n + 1 for n in sorted(bad)]


@pytest.mark.parametrize("note", ["x", b"\xff"])
def test_long_values_land(shop: Workshop, note: str | bytes) -> None:
    sizes = [1, 31 << 20, 1, 5 << 20, *[1 << 20] * 20, 1]
    rows = [(n, "é" * (size // 2), "x") for n, size in enumerate(sizes)]
    deliver(shop, THREE, rows=[*rows, ("last", "\x01" * (6 << 20), note)])
    shop.load()
    entry = shop.entry(NAME)
    assert (entry.refusal, entry.records) == (None, len(sizes) + 1)
    landed = [(int(row[1]), len(row[2])) for row in shop.landed(NAME) if row[1] != "last"]
    assert landed == [(n, size // 2) for n, size in enumerate(sizes)]
    assert len(shop.quarantine(NAME)) == (note != "x")


def test_a_record_beyond_all_bounds_is_refused(shop: Workshop) -> None:
    deliver(shop, THREE, rows=[(1, "x" * ((32 << 20) + 1), "")])
    shop.load()
    assert "a record longer than 32 MiB" in str(shop.entry(NAME).refusal)


@pytest.mark.parametrize("damage", ["cut", "page", "index", "header", "empty", "text"])
def test_a_damaged_database_is_refused(shop: Workshop, damage: str) -> None:
    rows = [(n, "x" * 50, n) for n in range(5000)]
    path = deliver(shop, THREE, "create index by_note on orders (Note)", rows=rows)
    content = bytearray(path.read_bytes())
    if damage == "cut":
        content = content[: len(content) // 2]
    elif damage == "page":
        content[20 * 4096 : 21 * 4096] = b"\xab" * 4096
    elif damage == "header":
        content[100:4096] = b"\xab" * 3996
    elif damage == "index":
        with closing(sqlite3.connect(path)) as database:
            database.execute("pragma writable_schema = on")
            database.execute("delete from sqlite_master where name = 'by_note'")
            database.commit()
        with closing(sqlite3.connect(path)) as database:
            database.execute("delete from orders where Id < 10")
            database.execute("pragma writable_schema = on")
            database.execute(
                "insert into sqlite_master values ('index', 'by_note', 'orders', 3,"
                " 'CREATE INDEX by_note on orders (Note)')"
            )
            database.commit()
        content = bytearray(path.read_bytes())
    else:
        content = bytearray(b"" if damage == "empty" else b"Id,Amount\n1,2\n")
    path.write_bytes(content)
    assert shop.load().exit_status == 1
    entry = shop.entry(NAME)
    assert (entry.state, entry.landed_file) == ("refused", None)
    reason = str(entry.refusal)
    expected = {"empty": "it is empty", "text": "no SQLite database"}.get(damage, "damaged")
    assert expected in reason and "\n" not in reason and str(shop.root) not in reason


@pytest.mark.parametrize("name", ["a.db.gz", "a.sqlite.zst"])
def test_a_packed_database_is_refused(shop: Workshop, name: str) -> None:
    shop.write(name, b"SQLite format 3\0")
    shop.load()
    assert "not read from an archive; deliver it unpacked" in str(shop.entry(name).refusal)


def test_a_changed_database_lands_again(shop: Workshop) -> None:
    path = deliver(shop, THREE, rows=[(1, 2, 3)])
    shop.load()
    assert {r.entry.state for r in shop.load().files} == {"unchanged"}
    with closing(sqlite3.connect(path)) as database:
        database.execute("update orders set Amount = 4")
        database.commit()
    assert {r.entry.state for r in shop.load().files} == {"amended"}
    assert shop.landed(NAME) == [(1, "1", "4", "3")]


TEXT = st.none() | st.text(st.characters(exclude_categories=["Cs"])) | st.just("é\0\"'\n" * 3000)
VALUE = TEXT | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)


def landed_as(value: object, landed: str | None) -> bool:
    if isinstance(value, float):
        return landed is not None and float(landed) == value
    if isinstance(value, bytes):
        value = value.decode()
    return landed == (None if value is None else str(value))


@settings(deadline=None, max_examples=20)
@given(st.lists(st.tuples(VALUE, VALUE, VALUE | st.binary(max_size=6)), max_size=6))
def test_any_value_lands_and_any_other_bytes_are_quarantined(rows: list[tuple]) -> None:
    with TemporaryDirectory() as folder:
        shop = Workshop(Path(folder))
        deliver(shop, THREE, rows=rows)
        shop.load()
        bad = []
        for number, row in enumerate(rows, 1):
            try:
                row[2].decode() if isinstance(row[2], bytes) else None
            except UnicodeDecodeError:
                bad.append(number)
        good = [(n, row) for n, row in enumerate(rows, 1) if n not in bad]
        landed = shop.landed(NAME)
        assert [row[0] for row in landed] == [number for number, _ in good]
        for (_, row), (_, *texts) in zip(good, landed, strict=True):
            assert all(map(landed_as, row, texts)), (row, texts)
        assert [row[0] for row in shop.quarantine(NAME)] == bad
        assert shop.entry(NAME).records == len(rows)
