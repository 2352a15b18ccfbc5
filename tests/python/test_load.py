"""The loader: what it does with a raw file, from the first time it sees it to the last."""

from __future__ import annotations

import dataclasses
import gzip
import os
import shutil
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from casebook.errors import CasebookError, Refused
from casebook.lake.layout import encode
from casebook.load import land as load_module
from casebook.load.land import _check_counts as check_counts
from casebook.load.report import Progress
from casebook.load.run import load
from casebook.readers.base import Raw, Reading, Workspace
from casebook.sources import Table
from loading import SOURCES, Workshop, lines
from loading import shop as shop


def states(shop: Workshop, *tables: str, **options: bool) -> dict[str, str]:
    report = shop.load(*tables, **options)
    found = {r.entry.source_file.removeprefix("shop/orders/"): r.entry.state for r in report.files}
    return found | {e.source_file.removeprefix("shop/orders/"): e.state for e in report.gone}


def test_a_new_file_is_landed_with_its_ledger_entry(shop: Workshop) -> None:
    content = lines({"Id": 1, "Amount": "2.5", "Weight": 3}, {"Id": 2, "Note": "x"})
    path = shop.write("2024/a.jsonl", content)
    report = shop.load()
    entry = shop.entry("2024/a.jsonl")
    assert [result.entry for result in report.files] == [entry]
    assert report.exit_status == 0
    assert (entry.state, entry.format, entry.size_bytes) == ("new", "json_lines", len(content))
    assert (entry.records, entry.landed, entry.quarantined) == (2, 2, 0)
    assert entry.modified_ns == path.stat().st_mtime_ns
    assert entry.columns_ignored == ["Weight"]
    assert entry.rejected_file is None and entry.refusal is None
    folder = f"shop/orders/{encode('shop/orders/2024/a.jsonl')}"
    at = datetime.fromisoformat(str(entry.loaded_at))
    name = f"{entry.file_hash}-{at:%Y%m%dT%H%M%S%f}.parquet"
    assert entry.landed_file == f"{folder}/{name}"
    assert shop.landed("2024/a.jsonl") == [(1, "1", "2.5", None), (2, "2", None, "x")]
    assert shop.went_fast("2024/a.jsonl")
    path = str(shop.settings.lake / entry.landed_file)
    described = duckdb.execute("describe from read_parquet(?)", [path]).fetchall()
    assert [f"{name} {kind}" for name, kind, *_ in described] == [
        "Id VARCHAR",
        "Amount VARCHAR",
        "Note VARCHAR",
        "_source_record BIGINT",
    ]


def test_a_second_load_changes_nothing_but_says_unchanged(shop: Workshop) -> None:
    shop.write("a.jsonl", lines({"Id": 1}))
    shop.write("b.jsonl", lines({"Id": 2}, b"{"))
    assert states(shop) == {"a.jsonl": "new", "b.jsonl": "new"}
    landed = shop.files_in_lake()
    assert states(shop) == {"a.jsonl": "unchanged", "b.jsonl": "unchanged"}
    before, files_open = shop.copy_of_lake(), len([*Path("/dev/fd").iterdir()])
    assert states(shop) == {"a.jsonl": "unchanged", "b.jsonl": "unchanged"}
    assert states(shop, verify=True) == {"a.jsonl": "unchanged", "b.jsonl": "unchanged"}
    assert (shop.copy_of_lake(), len([*Path("/dev/fd").iterdir()])) == (before, files_open)
    assert shop.files_in_lake() == landed


def test_an_unchanged_load_does_not_need_duckdb(shop: Workshop) -> None:
    shop.load_one(lines({"Id": 1}))
    shop.load()
    code = (
        "import sys; from pathlib import Path; from casebook.load.run import load;"
        "from casebook.settings import Settings; root = Path(sys.argv[1]);"
        "s = Settings(root, root / 'raw', root / 'lake', root / 'w.db');"
        "assert load(s).files[0].entry.state == 'unchanged'; assert 'duckdb' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(shop.root)], check=True)


def test_other_bytes_of_the_same_size_and_time_are_found_by_verify(shop: Workshop) -> None:
    shop.load_one(lines({"Id": 1}))
    path = shop.folder / "a.jsonl"
    time = path.stat().st_mtime_ns
    path.write_bytes(lines({"Id": 2}))
    os.utime(path, ns=(time, time))
    assert states(shop) == {"a.jsonl": "unchanged"}
    assert states(shop, verify=True) == {"a.jsonl": "amended"}
    assert shop.landed() == [(1, "2", None, None)]


ONE, TWO = lines({"Id": 1}), lines({"Id": 1}, {"Id": 2})


@pytest.mark.parametrize(
    ("before", "after", "state", "ids"),
    [
        (ONE, TWO, "appended", ["1", "2"]),
        (b"", ONE, "appended", ["1"]),
        (TWO, lines({"Id": 3}, {"Id": 2}, {"Id": 4}), "amended", ["3", "2", "4"]),
        (TWO, ONE, "shrunk", ["1"]),
        (ONE, ONE, "unchanged", ["1"]),
        (lines({"Amount": 1}), ONE, "new", ["1"]),
    ],
)
def test_what_a_file_is_that_was_written_again(
    shop: Workshop, before: bytes, after: bytes, state: str, ids: list[str]
) -> None:
    first = shop.load_one(before)
    os.utime(shop.write("a.jsonl", after), ns=(1, 1))
    assert states(shop, allow_shrink=True) == {"a.jsonl": state}
    entry = shop.entry()
    assert (entry.refusal, entry.size_bytes, entry.modified_ns) == (None, len(after), 1)
    assert (entry.landed_file == first.landed_file) == (state == "unchanged")
    assert [row[1] for row in shop.landed()] == ids
    shop.declare(SOURCES.replace("- name: Note", "- name: Note\n            description: n"))
    assert states(shop) == {"a.jsonl": "unchanged"}


@pytest.mark.parametrize("meanwhile", ["shrunk", "gone", "refused"])
def test_a_file_that_comes_back_as_it_was_is_unchanged(shop: Workshop, meanwhile: str) -> None:
    first = shop.load_one(TWO)
    path = shop.write("a.jsonl", lines({"Amount": 12345678}) * 2 if meanwhile == "refused" else ONE)
    if meanwhile == "gone":
        path.unlink()
    assert states(shop) == {"a.jsonl": meanwhile}
    entry = shop.load_one(TWO)
    assert (entry.state, entry.refusal) == ("unchanged", None)
    assert entry.landed_file == first.landed_file


def test_an_amended_file_replaces_its_records_and_keeps_the_old_files_a_day(shop: Workshop) -> None:
    first = shop.load_one(lines({"Id": 1}, b"{bad"))
    second = shop.load_one(lines({"Id": 2}, {"Id": 33}))
    assert second.state == "amended"
    assert [old["file"] for old in second.replaced_files] == first.files
    assert set(shop.files_in_lake()) == {*first.files, *second.files}
    assert len(first.files) == 2 and not set(first.files) & set(second.files)
    shop.load()
    entry = shop.entry()
    old = datetime.now(UTC) - timedelta(hours=25)
    entry.replaced_files[0]["replaced_at"] = f"{old:%Y-%m-%dT%H:%M:%S.%f}"
    shop.lake.commit(entry)
    assert states(shop) == {"a.jsonl": "unchanged"}
    assert [left["file"] for left in shop.entry().replaced_files] == [first.rejected_file]
    assert set(shop.files_in_lake()) == {second.landed_file, first.rejected_file}


def test_what_a_killed_loader_left_is_deleted_when_the_file_lands(shop: Workshop) -> None:
    folder = shop.lake.landed_folder("shop", "orders", "shop/orders/a.jsonl")
    rejected = shop.lake.rejected_folder("shop", "orders", "shop/orders/a.jsonl")
    for orphan in (folder / "0-1.parquet", rejected / "0-1.parquet"):
        orphan.parent.mkdir(parents=True)
        orphan.write_bytes(b"left")
    entry = shop.load_one(lines({"Id": 1}))
    assert shop.files_in_lake() == [entry.landed_file]


@pytest.mark.parametrize(
    ("content", "state", "reason"),
    [
        (ONE, "shrunk", "from 20 to 10 bytes"),
        (lines({"Amount": 1}, {"Amount": 2}), "refused", "required column"),
    ],
)
def test_a_later_version_that_is_refused_keeps_what_was_landed(
    shop: Workshop, content: bytes, state: str, reason: str
) -> None:
    first = shop.load_one(TWO)
    shop.write("a.jsonl", content)
    report = shop.load()
    entry = shop.entry()
    assert report.exit_status == 1 and [r.entry for r in report.refused] == [entry]
    assert entry == dataclasses.replace(first, state=state, refusal=entry.refusal)
    assert reason in str(entry.refusal)
    assert states(shop) == {"a.jsonl": state}
    assert [row[1] for row in shop.landed()] == ["1", "2"]


def test_another_declaration_lands_the_same_bytes_again(shop: Workshop) -> None:
    first = shop.load_one(lines({"Id": 1, "Weight": 5}))
    shop.declare(SOURCES + "          - name: Weight\n")
    assert states(shop) == {"a.jsonl": "redeclared"}
    second = shop.entry()
    assert second.landed_file != first.landed_file
    assert (second.file_hash, second.columns_ignored) == (first.file_hash, [])
    path = str(shop.settings.lake / str(second.landed_file))
    assert duckdb.execute("select Weight from read_parquet(?)", [path]).fetchall() == [("5",)]
    assert states(shop) == {"a.jsonl": "unchanged"}


def test_a_file_that_is_gone_keeps_its_records(shop: Workshop) -> None:
    first = shop.load_one(lines({"Id": 1}))
    (shop.folder / "a.jsonl").unlink()
    report = shop.load()
    assert report.exit_status == 0
    assert [entry.source_file for entry in report.gone] == ["shop/orders/a.jsonl"]
    assert shop.entry().state == "gone"
    assert shop.entry().landed_file == first.landed_file
    assert shop.landed() == [(1, "1", None, None)]
    before = shop.copy_of_lake()
    assert len(shop.load().gone) == 1
    assert shop.copy_of_lake() == before


def test_a_file_whose_landed_file_is_missing_is_landed_again(shop: Workshop) -> None:
    first = shop.load_one(lines({"Id": 1}))
    (shop.settings.lake / str(first.landed_file)).unlink()
    assert states(shop) == {"a.jsonl": "new"}
    assert shop.landed() == [(1, "1", None, None)]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.doc", b"PK", "no reader for .doc"),
        ("a.xls", b"Id\n1\n", "no reader for .xls"),
        ("a.xls.gz", b"Id\n1\n", "no reader for .xls"),
        ("README", b"hello", "no reader for a file without an extension"),
        ("a.jsonl", lines({"Amount": 1}), "required column Id"),
        ("a.json", b'[{"Amount": 1}]', "required column Id"),
        ("a.jsonl", lines({}), "required column Id"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_and_others_load(
    shop: Workshop, name: str, content: bytes, reason: str
) -> None:
    shop.write(name, content)
    shop.write("other.jsonl", lines({"Id": 1}))
    report = shop.load()
    assert report.exit_status == 1
    entry = shop.entry(name)
    assert (entry.state, entry.landed_file, entry.records) == ("refused", None, 0)
    assert reason in str(entry.refusal) and "\n" not in str(entry.refusal)
    assert shop.entry("other.jsonl").state == "new"
    before = shop.copy_of_lake()
    assert shop.load().exit_status == 1
    after = shop.copy_of_lake()
    changed = {k for k in after.keys() | before.keys() if after.get(k) != before.get(k)}
    assert all("other" in k for k in changed)
    (shop.folder / name).unlink()
    assert shop.load().exit_status == 0
    assert [entry.source_file for entry in shop.lake.entries()] == ["shop/orders/other.jsonl"]


@pytest.mark.parametrize(
    ("damage", "kind"),
    [("cut", "lines"), ("flipped", "array"), ("garbage after it", "array"), ("not gzip", "lines")],
)
def test_a_damaged_archive_is_refused_and_nothing_is_landed(
    shop: Workshop, damage: str, kind: str
) -> None:
    numbers = [{"Id": n, "Note": str(hash(str(n)))} for n in range(5_000)]
    text = lines(*numbers)
    if kind == "array":
        text = b"[" + text.strip().replace(b"\n", b",\n") + b"]"
    packed = bytearray(gzip.compress(text))
    if damage == "cut":
        packed = packed[: len(packed) // 2]
    elif damage == "flipped":
        packed[len(packed) // 2] ^= 0xFF
    elif damage == "garbage after it":
        packed += b"garbage"
    else:
        packed = bytearray(text)
    name = "a.jsonl.gz" if kind == "lines" else "a.json.gz"
    (shop.folder / name).write_bytes(packed)
    report = shop.load()
    entry = shop.entry(name)
    assert report.exit_status == 1
    assert entry.state == "refused" and "archive" in str(entry.refusal)
    assert entry.landed_file is None
    assert shop.files_in_lake() == []


def test_an_archive_of_several_members_is_read_whole_and_compared_by_its_own_bytes(
    shop: Workshop,
) -> None:
    content = b"".join(gzip.compress(lines({"Id": n})) for n in range(5))
    for more, ids, state in (
        (b"\0" * 8, "01234", "new"),
        (gzip.compress(ONE), "012341", "amended"),
    ):
        (shop.folder / "a.jsonl.gz").write_bytes(content + more)
        assert states(shop) == {"a.jsonl.gz": state}
        assert [row[1] for row in shop.landed("a.jsonl.gz")] == list(ids)
    (shop.folder / "a.jsonl.gz").write_bytes(content + more * 2)
    assert states(shop) == {"a.jsonl.gz": "appended"}


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "a.json", "a.jsonl.gz", "A.JSON.GZ"])
def test_an_empty_file_is_a_delivery_of_no_records(shop: Workshop, name: str) -> None:
    entry = shop.load_one(b"", name)
    assert (entry.state, entry.records, entry.refusal) == ("new", 0, None)
    assert shop.landed(name) == []


def test_what_leads_nowhere_or_is_no_file_is_refused_and_hides_nothing(
    shop: Workshop, tmp_path: Path
) -> None:
    shop.write("kept/a.jsonl", ONE)
    shop.load()
    (shop.folder / "kept").rename(tmp_path / "outside")
    for name, target in {
        "a.jsonl": tmp_path / "outside" / "a.jsonl",
        "kept": tmp_path / "outside",
        "nowhere.jsonl": shop.folder / "none",
        "loop": shop.folder,
    }.items():
        (shop.folder / name).symlink_to(target)
    os.mkfifo(shop.folder / "pipe.jsonl")
    (shop.folder / os.fsdecode(b"\xff.jsonl")).write_bytes(ONE)
    report = shop.load()
    reasons = {r.entry.source_file[12:]: str(r.entry.refusal) for r in report.files}
    for name, reason in {
        "a.jsonl": "out of the raw folder",
        "kept": "out of the raw folder",
        "nowhere.jsonl": "No such file",
        "loop": "back to a folder",
        "pipe.jsonl": "not a regular file",
        "\\xff.jsonl": "not UTF-8",
    }.items():
        assert reason in reasons.pop(name)
    assert (reasons, report.gone, report.exit_status) == ({}, [], 1)
    assert (shop.load().gone, shop.entry("kept/a.jsonl").state) == ([], "new")


def test_links_within_the_raw_folder_and_a_link_to_it_are_followed(
    shop: Workshop, tmp_path: Path
) -> None:
    shop.write("a.jsonl", ONE)
    (shop.folder / "b.jsonl").symlink_to(shop.folder / "a.jsonl")
    (tmp_path / "raw").rename(tmp_path / "elsewhere")
    (tmp_path / "raw").symlink_to(tmp_path / "elsewhere")
    assert states(shop) == {"a.jsonl": "new", "b.jsonl": "new"}


def test_a_path_too_long_for_the_lake_is_refused(shop: Workshop) -> None:
    name = "é" * 100 + ".jsonl"
    entry = shop.load_one(lines({"Id": 1}), name)
    assert entry.state == "refused" and "too long" in str(entry.refusal)
    assert shop.lake.entries() == [entry]
    assert states(shop) == {name: "refused"}


@pytest.mark.parametrize(
    "name",
    ["[ab]*?.jsonl", "_a=1/.b%20'é\n#.jsonl".replace("/.", "/"), "x{1,2}.json", "a b.json.gz"],
)
def test_any_name_is_only_a_name(shop: Workshop, name: str) -> None:
    shop.write("a1.jsonl", lines({"Id": "other"}))
    shop.load_one(lines({"Id": 1}), name)
    assert shop.landed(name) == [(1, "1", None, None)]
    assert shop.entry(name).source_file == f"shop/orders/{name}"


def test_undeclared_folders_and_dot_files_are_only_named(shop: Workshop, tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    (raw / "other" / "table").mkdir(parents=True)
    (raw / "other" / "table" / "a.jsonl").write_bytes(lines({"Id": 1}))
    (raw / "shop" / "things").mkdir()
    (raw / "shop" / "notes.txt").write_text("x")
    (raw / "notes.txt").write_text("x")
    shop.write(".hidden.jsonl", b"x")
    shop.write(".git/a.jsonl", b"x")
    shop.write("deep/.x", b"x")
    report = shop.load()
    assert report.undeclared == [
        "notes.txt",
        "other/",
        "shop/notes.txt",
        "shop/orders/.git/",
        "shop/orders/.hidden.jsonl",
        "shop/orders/deep/.x",
        "shop/things/",
    ]
    assert (report.files, report.exit_status) == ([], 0)


def test_files_are_in_byte_order(shop: Workshop) -> None:
    names = ["a/b.jsonl", "a.jsonl", "a-b.jsonl", "B.jsonl", "é.jsonl", "z.jsonl"]
    for name in names:
        shop.write(name, lines({"Id": 1}))
    found = [r.entry.source_file.removeprefix("shop/orders/") for r in shop.load().files]
    assert found == sorted(names, key=str.encode)


def two_tables(shop: Workshop) -> None:
    shop.declare(
        SOURCES
        + "      - name: returns\n        columns: [{name: Id}]\n"
        + "  - name: other\n    tables:\n      - {name: t, columns: [{name: Id}]}\n"
    )
    for folder in ("shop/orders", "shop/returns", "other/t"):
        path = shop.root / "raw" / folder / "a.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(lines({"Id": 1}))


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (["shop"], {"shop/orders", "shop/returns"}),
        (["shop.returns"], {"shop/returns"}),
        (["other", "shop.orders"], {"other/t", "shop/orders"}),
        ([], {"shop/orders", "shop/returns", "other/t"}),
    ],
)
def test_tables_can_be_chosen(shop: Workshop, chosen: list[str], expected: set[str]) -> None:
    two_tables(shop)
    report = shop.load(*chosen)
    assert {r.entry.source_file.removesuffix("/a.jsonl") for r in report.files} == expected
    assert report.undeclared == []
    assert set(report.counts) == {name.replace("/", ".") for name in expected}
    shutil.rmtree(shop.root / "raw" / "other" / "t")
    gone = {entry.source_file for entry in shop.load(*chosen).gone}
    assert gone == {name + "/a.jsonl" for name in expected & {"other/t"}}


def test_what_stops_a_load_says_what_to_do(shop: Workshop) -> None:
    with pytest.raises(CasebookError, match=r"no source declares shop\.x(.|\n)*shop\.orders"):
        shop.load("shop.x")
    shop.load()
    raw = (shop.root / "raw").rename(shop.root / "raw2")
    with pytest.raises(CasebookError, match=r"Fix: put files into raw/<source>/<table>/"):
        shop.load()
    with pytest.raises(CasebookError, match=r"was loaded from(.|\n)*--lake"):
        load(dataclasses.replace(shop.settings, raw=raw))
    (shop.root / "raw").symlink_to(raw)
    with pytest.raises(CasebookError, match="was loaded from"):
        shop.load()
    raw.rename(shop.root / "raw1")
    (shop.root / "raw").unlink()
    (shop.root / "raw1").rename(shop.root / "raw")
    (shop.root / "link").symlink_to("raw")
    assert load(dataclasses.replace(shop.settings, raw=shop.root / "link")).exit_status == 0


def test_counts_are_given_per_table(shop: Workshop) -> None:
    shop.write("a.jsonl", lines({"Id": 1}, b"{"))
    shop.load()
    shop.write("b.jsonl", lines({"Id": 1}, {"Id": 2}, b"["))
    shop.write("c.xyz", b"")
    count = shop.load().counts["shop.orders"]
    assert count.files == Counter(unchanged=1, new=1, refused=1)
    assert (count.landed, count.quarantined) == (2, 1)
    assert (count.total_landed, count.total_quarantined) == (3, 2)


def test_progress_tells_files_and_all_bytes(shop: Workshop) -> None:
    shop.write("a.jsonl", lines({"Id": 1}))
    shop.write("b.jsonl", lines({"Id": 1}, b"{"))
    shop.write("c.xyz", b"12345")
    for records in (3, 0):
        shown: list[tuple[int, int]] = []
        progress = Progress(lambda now, shown=shown: shown.append((now.files_done, now.bytes_done)))
        load(shop.settings, progress=progress)
        assert (progress.files, progress.size_bytes, progress.records) == (3, 27, records)
        assert shown == sorted(shown) and shown[-1] == (3, 27)


def test_loading_in_two_halves_lands_the_same_as_at_once(tmp_path: Path) -> None:
    contents = {f"{n}.jsonl": lines({"Id": n}, b"bad", {"Id": -n}) for n in range(12)}
    halves, once = Workshop(tmp_path / "halves"), Workshop(tmp_path / "once")
    for one, parts in ((halves, [list(contents)[6:], list(contents)[:6]]), (once, [contents])):
        for part in parts:
            for name in part:
                one.write(name, contents[name])
            one.load()
        assert list((one.settings.lake / "_tmp").iterdir()) == []
    for name in contents:
        assert halves.landed(name) == once.landed(name)
        assert halves.quarantine(name) == once.quarantine(name)


@pytest.mark.parametrize(
    ("records", "landed", "written", "quarantined"), [(3, 1, 1, 1), (1, 1, 1, 1), (2, 1, 0, 1)]
)
def test_a_count_that_does_not_come_out_is_refused(
    records: int, landed: int, written: int, quarantined: int
) -> None:
    check_counts(Reading(2, 1), 1, 1)
    with pytest.raises(Refused, match="the count does not come out"):
        check_counts(Reading(records, landed), written, quarantined)


def test_a_connection_that_duckdb_has_given_up_is_not_used_again(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an internal error DuckDB refuses everything: here the connection is closed for it."""
    shop.write("a.jsonl", lines({"Id": 1}))
    shop.write("b.jsonl", lines({"Id": 2}))
    find_reader = load_module.find_reader

    def break_down(raw: Raw, workspace: Workspace) -> Reading:
        workspace.connection.close()
        raise duckdb.InternalException("INTERNAL Error: this is a test")

    def find(path: Path, table: Table) -> object:
        reader, compression = find_reader(path, table)
        if path.name == "a.jsonl":
            reader = dataclasses.replace(reader, read=break_down)
        return reader, compression

    monkeypatch.setattr(load_module, "find_reader", find)
    assert states(shop) == {"a.jsonl": "refused", "b.jsonl": "new"}
    assert "INTERNAL Error" in str(shop.entry().refusal)
