"""What is found in the raw folder: databases, and folders that carry values."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path

import duckdb
import pytest
from casebook.lake.ledger import LedgerEntry
from casebook.load.discover import Found, RawFile, find_files
from casebook.sources import Column, Table, read_sources
from loading import SOURCES, Workshop, lines
from loading import shop as shop

ORDERS = Table("shop", "orders", (Column("Id"),))
RETURNS = Table("shop", "returns", (Column("Id"),))
VIEWS = Table("shop", "views", (Column("Id"),), path_values=("country", "platform"))

DECLARED = """
sources:
  - name: shop
    tables:
      - {name: orders, columns: [{name: Id}]}
      - {name: returns, columns: [{name: Id}]}
"""


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    (tmp_path / "raw" / "shop").mkdir(parents=True)
    return tmp_path / "raw"


def database(path: Path, *tables: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as made:
        for name in tables:
            made.execute(f'create table "{name}" (Id integer primary key autoincrement)')
            made.execute(f'insert into "{name}" values (7)')
        made.commit()
    return path


def find(raw: Path, *tables: Table, whole: bool = True) -> Found:
    return find_files(raw, tables or (ORDERS, RETURNS), whole=whole)


def refusals(found: Found) -> dict[str, str | None]:
    return {file.source_file: file.refusal for file in found.files}


def test_a_database_delivers_each_declared_table(raw: Path) -> None:
    path = database(raw / "shop" / "all.db", "Orders", "returns", "other", "[x]#y")
    found = find(raw)
    assert found.files == [
        RawFile(path, "shop/all.db#orders", ORDERS, None, "Orders"),
        RawFile(path, "shop/all.db#returns", RETURNS, None, "returns"),
    ]
    assert found.undeclared == ["shop/all.db#[x]#y", "shop/all.db#other"]


@pytest.mark.parametrize("name", ["a.db", "a.sqlite", "A.SQLITE3"])
def test_databases_are_known_by_their_extension_and_tables_in_their_own_case_first(
    raw: Path, name: str
) -> None:
    database(raw / "shop" / name, "É", "é")
    found = find(raw, Table("shop", "é", (Column("Id"),)))
    assert refusals(found) == {f"shop/{name}#é": None}
    assert found.undeclared == [f"shop/{name}#É"]


def test_only_the_chosen_tables_of_a_database_are_found(raw: Path) -> None:
    database(raw / "shop" / "all.db", "orders", "returns", "other")
    database(raw / "shop" / "none.db", "other")
    found = find(raw, RETURNS, whole=False)
    assert refusals(found) == {"shop/all.db#returns": None}
    assert found.undeclared == []


def test_a_database_without_a_declared_table_is_undeclared(raw: Path) -> None:
    database(raw / "shop" / "other.db", "x", "y")
    database(raw / "elsewhere" / "z.db", "orders")
    found = find(raw)
    assert (found.files, found.undeclared) == (
        [],
        ["elsewhere/", "shop/other.db (its tables: x, y; declared: orders, returns)"],
    )


def test_other_files_of_a_source_stay_undeclared(raw: Path) -> None:
    (raw / "shop" / "notes.txt").write_text("x")
    (raw / "shop" / ".hidden.db").write_text("x")
    (raw / "shop" / "folder.db").mkdir()
    found = find(raw)
    assert found.files == []
    assert found.undeclared == ["shop/.hidden.db", "shop/folder.db/", "shop/notes.txt"]


@pytest.mark.parametrize(
    ("content", "name", "reason"),
    [
        (b"", "a.db", "it is empty, no SQLite database"),
        (b"Id\n1\n", "a.db", "it is no SQLite database"),
        (b"SQLite format 3\0" + b"\xab" * 5000, "a.db", "the database is damaged"),
        (b"x", "a.db.gz", "deliver it unpacked"),
    ],
)
def test_a_database_that_cannot_be_read_is_one_refusal(
    raw: Path, content: bytes, name: str, reason: str
) -> None:
    path = raw / "shop" / name
    path.write_bytes(content)
    for whole in (True, False):
        found = find(raw, whole=whole)
        stem = name.rpartition(".")[0]
        (file,) = found.files
        assert (file.path, file.source_file, file.member) == (path, f"shop/{name}", None)
        assert file.table == Table("shop", stem, ())
        assert reason in str(file.refusal) and "\n" not in str(file.refusal)
        assert found.undeclared == []


def test_databases_obey_the_rules_for_files(raw: Path, tmp_path: Path) -> None:
    outside = database(tmp_path / "outside.db", "orders")
    (raw / "shop" / "out.db").symlink_to(outside)
    (raw / "shop" / "nowhere.db").symlink_to(raw / "nothing")
    os.mkfifo(raw / "shop" / "pipe.db")
    database(raw / "shop" / os.fsdecode(b"\xff.db"), "orders")
    inside = database(raw / "shop" / "in.db", "orders")
    (raw / "shop" / "link.db").symlink_to(inside)
    found = refusals(find(raw))
    assert "out of the raw folder" in str(found.pop("shop/out.db"))
    assert "No such file" in str(found.pop("shop/nowhere.db"))
    assert "not a regular file" in str(found.pop("shop/pipe.db"))
    assert "not UTF-8" in str(found.pop("shop/\\xff.db"))
    assert found == {"shop/in.db#orders": None, "shop/link.db#orders": None}


@pytest.mark.parametrize("ending", ["-wal", "-journal"])
@pytest.mark.parametrize("folder", ["shop", "shop/orders"])
def test_changes_outside_of_the_database_refuse_it(raw: Path, ending: str, folder: str) -> None:
    path = database(raw / folder / "a.db", "orders")
    name = f"{folder}/a.db" + ("#orders" if folder == "shop/orders" else "")
    beside = path.with_name(path.name + ending)
    beside.touch()
    path.with_name("a.db-shm").write_bytes(b"x")
    found = find(raw)
    assert {file.refusal for file in found.files} == {None}
    beside.write_bytes(b"x")
    found = find(raw)
    assert refusals(found) == {
        name: f"its last changes stand in a.db{ending}; have it delivered closed, without that file"
    }
    assert found.undeclared == sorted([f"{folder}/a.db{ending}", f"{folder}/a.db-shm"])
    (raw / "shop" / "link.db").symlink_to(path)
    assert f"a.db{ending}" in str(refusals(find(raw))["shop/link.db"])


def test_a_database_in_a_tables_folder_delivers_that_table(raw: Path) -> None:
    path = database(raw / "shop" / "orders" / "2024" / "a.db", "ORDERS", "returns")
    found = find(raw)
    assert found.files == [
        RawFile(path, "shop/orders/2024/a.db#orders", ORDERS, None, "ORDERS"),
    ]
    assert found.undeclared == ["shop/orders/2024/a.db#returns"]


def test_a_database_in_a_tables_folder_must_have_that_table(raw: Path) -> None:
    database(raw / "shop" / "orders" / "a.db", "x", "returns")
    database(raw / "shop" / "orders" / "b.db")
    (raw / "shop" / "orders" / "c.db").write_text("Id\n")
    assert refusals(find(raw)) == {
        "shop/orders/a.db#orders": "it has no table orders; its tables are: returns, x",
        "shop/orders/b.db#orders": "it is empty, no SQLite database",
        "shop/orders/c.db#orders": "it is no SQLite database",
    }


def test_a_file_that_goes_by_the_name_of_a_database_table_is_told(raw: Path) -> None:
    database(raw / "shop" / "orders" / "a.db", "orders")
    (raw / "shop" / "orders" / "a.db#orders").write_text("Id\n1\n")
    database(raw / "shop" / "x#orders.db", "orders")
    assert refusals(find(raw)) == {
        "shop/orders/a.db#orders": "another file goes by the same name; rename one of them",
        "shop/x#orders.db#orders": None,
    }


def test_a_file_must_lie_in_the_folders_that_carry_its_values(raw: Path) -> None:
    for name in ("a.jsonl", "de/b.jsonl", "de/web/c.jsonl", "de/web/more/d.jsonl", "de/web/e.db"):
        path = raw / "shop" / "views" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        database(path, "views") if name.endswith(".db") else path.write_bytes(lines({"Id": 1}))
    database(raw / "shop" / "all.db", "views")
    place = "put it into raw/shop/views/<country>/<platform>/"
    assert refusals(find(raw, VIEWS)) == {
        "shop/all.db#views": f"it lies in no folder that says its country; {place}",
        "shop/views/a.jsonl": f"it lies in no folder that says its country; {place}",
        "shop/views/de/b.jsonl": f"it lies in no folder that says its platform; {place}",
        "shop/views/de/web/c.jsonl": None,
        "shop/views/de/web/e.db#views": None,
        "shop/views/de/web/more/d.jsonl": None,
    }
    shutil.rmtree(raw / "shop" / "views")
    (raw / "shop" / "views").write_text("x")
    assert refusals(find(raw, VIEWS))["shop/views"] == (
        f"it lies in no folder that says its country; {place}"
    )


def test_a_file_without_its_folder_is_refused_and_others_load(shop: Workshop) -> None:
    name = "      - name: orders\n"
    shop.declare(
        SOURCES.replace(name, name + "        config: {meta: {path_values: [platform]}}\n")
    )
    shop.write("a.jsonl", lines({"Id": 1}))
    shop.write("web/a.jsonl", lines({"Id": 2}))
    report = shop.load()
    assert report.exit_status == 1
    assert shop.entry("a.jsonl").refusal == (
        "it lies in no folder that says its platform; put it into raw/shop/orders/<platform>/"
    )
    assert shop.landed("web/a.jsonl") == [(1, "2", None, None)]


def entries(shop: Workshop) -> dict[str, LedgerEntry]:
    return {result.entry.source_file: result.entry for result in shop.load().files}


def test_a_database_lands_with_one_entry_a_table(shop: Workshop) -> None:
    shop.declare(DECLARED)
    path = database(shop.folder.parent / "all.db", "orders", "Returns")
    found = entries(shop)
    assert {name: (e.state, e.table_name, e.landed) for name, e in found.items()} == {
        "shop/all.db#orders": ("new", "orders", 1),
        "shop/all.db#returns": ("new", "returns", 1),
    }
    assert {entry.size_bytes for entry in found.values()} == {path.stat().st_size}
    assert {entry.state for entry in entries(shop).values()} == {"unchanged"}
    with closing(sqlite3.connect(path)) as made:
        made.execute("drop table returns")
        made.execute("insert into orders values (8)")
        made.commit()
    report = shop.load()
    assert [(r.entry.source_file, r.entry.landed) for r in report.files] == [
        ("shop/all.db#orders", 2)
    ]
    assert [entry.source_file for entry in report.gone] == ["shop/all.db#returns"]


def test_tables_of_a_database_that_breaks_are_kept_and_not_gone(shop: Workshop) -> None:
    shop.declare(DECLARED)
    path = database(shop.folder.parent / "all.db", "orders")
    shop.load()
    content = path.read_bytes()
    path.write_bytes(b"broken")
    for name, state, status in (
        ("shop/all.db", "refused", 1),
        ("shop/all.db#orders", "unchanged", 0),
    ):
        report = shop.load()
        assert [(r.entry.source_file, r.entry.state) for r in report.files] == [(name, state)]
        assert (report.gone, report.exit_status) == ([], status)
        path.write_bytes(content)
    assert [entry.source_file for entry in shop.lake.entries()] == ["shop/all.db#orders"]


SNAPSHOTS = """
sources:
  - name: shop
    config: {meta: {fetch: {database: {env: SHOP_URL}}}}
    tables:
      - {name: orders, columns: [{name: Id}, {name: Amount}, {name: Note}]}
"""


def parquet(path: Path, ids: int) -> None:
    duckdb.execute(f"copy (select i::varchar as Id from range({ids}) t(i)) to '{path}'")


def test_a_snapshot_may_shrink_and_its_table_takes_no_other_files(shop: Workshop) -> None:
    shop.declare(SNAPSHOTS)
    shop.write("a.jsonl", lines({"Id": 1}))
    database(shop.folder.parent / "all.db", "orders")
    assert entries(shop)["shop/orders/a.jsonl"].state == "new"
    path = shop.folder / "orders.parquet"
    for ids, state in ((5000, "new"), (3, "amended"), (3, "unchanged")):
        parquet(path, ids)
        found = entries(shop)
        assert (found["shop/orders/orders.parquet"].state, len(shop.landed("orders.parquet"))) == (
            state,
            ids,
        )
    reason = "its table has a snapshot, shop/orders/orders.parquet, and takes no other files"
    for name in ("shop/orders/a.jsonl", "shop/all.db#orders"):
        assert str(found[name].refusal).startswith(reason)


ALIASED = """
sources:
  - name: shop
    tables:
      - {name: orders, columns: [{name: Id}], config: {meta: {aliases: [Order, Sale]}}}
      - {name: returns, columns: [{name: Id}], config: {meta: {aliases: [Return]}}}
"""


def test_tables_of_a_database_are_found_by_their_aliases(shop: Workshop) -> None:
    shop.declare(ALIASED)
    database(shop.folder.parent / "all.db", "SALE", "order", "return", "other")
    report = shop.load()
    assert {r.entry.source_file: r.entry.landed for r in report.files} == {
        "shop/all.db#orders": 1,
        "shop/all.db#returns": 1,
    }
    assert report.undeclared == ["shop/all.db#SALE", "shop/all.db#other"]


def zip_of(path: Path, members: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def test_each_member_of_a_zip_archive_is_a_file_of_its_own(shop: Workshop) -> None:
    members = {
        "a.jsonl": lines({"Id": 1}, b"x"),
        "deep/a.csv": b"Id,Note\n2,b\n",
        "./other/a.csv": b"Id,Note\n3,c\n",
        "é [1].json.gz": gzip.compress(b'[{"Id": 4}]'),
        "empty/": b"",
        "__MACOSX/a.jsonl": b"x",
        ".hidden": b"x",
        ".": b"x",
        "x/..": b"x",
        "all.db": b"x",
        "more.zip": b"x",
        "a.exe": b"x",
    }
    zip_of(shop.folder / "x.zip", members)
    report = shop.load()
    name = "shop/orders/x.zip#"
    hidden = [".", ".hidden", "__MACOSX/a.jsonl", "x/.."]
    assert report.undeclared == [f"{name}{one}" for one in hidden]
    found = {r.entry.source_file.removeprefix(name): r.entry for r in report.files}
    assert {key: entry.state for key, entry in found.items()} == {
        "./other/a.csv": "new",
        "a.exe": "refused",
        "a.jsonl": "new",
        "all.db": "refused",
        "deep/a.csv": "new",
        "more.zip": "refused",
        "é [1].json.gz": "new",
    }
    landed = [shop.landed(f"x.zip#{key}") for key in ("a.jsonl", "deep/a.csv", "./other/a.csv")]
    assert [rows[0][1] for rows in landed] == ["1", "2", "3"]
    assert shop.landed("x.zip#é [1].json.gz") == [(1, "4", None, None)]
    first = found["a.jsonl"]
    assert (first.size_bytes, first.quarantined) == (len(members["a.jsonl"]), 1)
    assert first.file_hash == hashlib.sha256(members["a.jsonl"]).hexdigest()
    members["a.jsonl"] += lines({"Id": 5})
    del members["deep/a.csv"]
    zip_of(shop.folder / "x.zip", members)
    report = shop.load()
    states = {r.entry.source_file.removeprefix(name): r.entry.state for r in report.files}
    assert (states["a.jsonl"], states["./other/a.csv"]) == ("appended", "unchanged")
    assert [entry.source_file for entry in report.gone] == [f"{name}deep/a.csv"]


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ("cut", "the archive is damaged"),
        ("flipped", "the archive is damaged"),
        ("empty", "the archive holds no files"),
        ("encrypted", "it is encrypted"),
    ],
)
def test_a_zip_archive_that_cannot_be_read_is_refused(
    shop: Workshop, damage: str, reason: str
) -> None:
    path = shop.folder / "x.zip"
    zip_of(path, {} if damage == "empty" else {"a.jsonl": lines(*({"Id": n} for n in range(999)))})
    content = bytearray(path.read_bytes())
    if damage == "cut":
        content = content[: len(content) // 2]
    elif damage == "flipped":
        content[len(content) // 2] ^= 1
    elif damage == "encrypted":
        content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    (result,) = shop.load().files
    assert str(result.entry.refusal).startswith(reason)
    assert shop.files_in_lake() == []


def test_every_table_of_the_official_chinook_database_is_declared(tmp_path: Path) -> None:
    official = "Album Artist Customer Employee Genre Invoice InvoiceLine MediaType Playlist"
    path = database(tmp_path / "music_store" / "c.db", *official.split(), "PlaylistTrack", "Track")
    declared = read_sources(Path(__file__).parents[2])
    tables = [table for table in declared.values() if table.source == "music_store"]
    found = find(tmp_path, *tables)
    assert (len(found.files), found.undeclared) == (11, [])
    assert {file.path for file in found.files} == {path}
