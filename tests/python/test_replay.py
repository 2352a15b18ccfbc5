"""Quarantined records tried again: with today's reader and declaration, or corrected by hand."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from casebook.errors import CasebookError
from casebook.load import land
from casebook.load.original import export_quarantine
from casebook.load.replay import ReplayReport, replay
from casebook.readers import choose, json_files
from casebook.readers.base import Text, Workspace
from casebook.sources import Table
from loading import SOURCES, Workshop, lines
from loading import shop as shop
from workbench import UNTESTED, Workbench, vote

REPLAYER = """
import sys
from pathlib import Path
from casebook.load.replay import replay
from casebook.settings import Settings
root = Path(sys.argv[1])
given = Path(sys.argv[2]) if sys.argv[2:] else None
settings = Settings(root, root / "raw", root / "lake", root / "warehouse.db")
print(replay(settings, corrections=given).landed)
"""
BAD = b'{"Id": 2, "Amount": "7"'
GOOD_LINE = {"source_file": "shop/orders/a.jsonl", "table": "shop.orders", "record": 2, "text": "x"}
PRICED = SOURCES.replace("[Total,", "[Price, Total,")
MENDED = '{"Id": 2, "Amount": "7"}'


def in_lake(shop: Workshop, name: str = "a.jsonl") -> list[tuple]:
    """(record number, Id, Amount, Note) of every record of a file that counts, replayed or not."""
    entry = shop.entry(name)
    files = [str(shop.settings.lake / f) for f in [entry.landed_file, *entry.replayed_files] if f]
    return duckdb.execute(
        "select coalesce(_source_record, file_row_number + 1), Id, Amount, Note"
        " from read_parquet($files, file_row_number = true) order by 1",
        {"files": files},
    ).fetchall()


def assert_balance(shop: Workshop) -> None:
    """Every record of every file is landed or quarantined once, and no file is left over."""
    committed = set()
    for entry in shop.lake.entries():
        name = entry.source_file.removeprefix("shop/orders/")
        assert entry.records == entry.landed + entry.quarantined
        landed = [row[0] for row in in_lake(shop, name)]
        quarantined = [row[0] for row in shop.quarantine(name)]
        assert (len(landed), len(quarantined)) == (entry.landed, entry.quarantined)
        assert sorted(landed + quarantined) == list(range(1, entry.records + 1))
        committed |= {*entry.files, *(old["file"] for old in entry.replaced_files)}
    assert set(shop.files_in_lake()) == committed


def correct(shop: Workshop, texts: dict[int, str], name: str = "a.jsonl") -> Path:
    """A corrections file: the export, with the texts of some records changed."""
    path = shop.root / "corrections.jsonl"
    path.unlink(missing_ok=True)
    export_quarantine(shop.lake, ["shop.orders"], path)
    exported = [json.loads(line) for line in path.read_text().splitlines()]
    for line in exported:
        if line["source_file"] == f"shop/orders/{name}" and line["record"] in texts:
            line["text"] = texts[line["record"]]
    path.write_text("".join(json.dumps(line) + "\n" for line in exported))
    return path


def apply(shop: Workshop, texts: dict[int, str], name: str = "a.jsonl") -> ReplayReport:
    return replay(shop.settings, corrections=correct(shop, texts, name))


def close_braces(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on JSON lines are read although their closing brace is missing."""

    def again(table: Table, workspace: Workspace, layout: dict, texts: list[Text]) -> int:
        ends = [b"}" * (text.raw.count(b"{") > text.raw.count(b"}")) for text in texts]
        mended = [replace(t, raw=t.raw + end) for t, end in zip(texts, ends, strict=True)]
        return json_files.LINES.again(table, workspace, layout, mended)

    monkeypatch.setitem(choose.FORMATS, "json_lines", replace(json_files.LINES, again=again))


def test_a_replay_that_changes_nothing_writes_nothing(shop: Workshop) -> None:
    shop.load_one(lines({"Id": 1}, BAD, {"Id": 3}, b"[]"))
    shop.write("b.jsonl", lines({"Id": 1}))
    shop.load()
    before = shop.copy_of_lake()
    entry_path = shop.lake.entry_path("shop", "orders", "shop/orders/a.jsonl")
    inode = entry_path.stat().st_ino
    report = replay(shop.settings)
    count = report.tables["shop.orders"]
    assert (count.files, count.tried, count.landed, count.left) == (1, 2, 0, 2)
    assert (report.failures, report.exit_status) == ([], 0)
    assert (shop.copy_of_lake(), entry_path.stat().st_ino) == (before, inode)


def test_what_a_more_lenient_reader_reads_is_landed_and_the_rest_stays(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = shop.load_one(lines({"Id": 1}, b'{"Id": 2', b"\xff", {"Id": 4}, b'{"Id": 5', b"nul"))
    left = [row for row in shop.quarantine() if row[0] in (3, 6)]
    original = (shop.settings.lake / str(first.landed_file)).read_bytes()
    close_braces(monkeypatch)
    report = replay(shop.settings)
    assert (report.landed, report.tables["shop.orders"].left, report.exit_status) == (2, 2, 0)
    assert [row[:2] for row in in_lake(shop)] == [(1, "1"), (2, "2"), (4, "4"), (5, "5")]
    assert shop.quarantine() == left
    entry = shop.entry()
    assert (entry.records, entry.landed, entry.quarantined) == (6, 4, 2)
    assert (entry.landed_file, entry.loaded_at) == (first.landed_file, first.loaded_at)
    assert (shop.settings.lake / str(entry.landed_file)).read_bytes() == original
    assert [old["file"] for old in entry.replaced_files] == [first.rejected_file]
    assert entry.corrections == []
    assert_balance(shop)
    assert Path(entry.replayed_files[0]).name.startswith(entry.file_hash)
    before = shop.copy_of_lake()
    assert replay(shop.settings).landed == 0
    assert shop.copy_of_lake() == before
    for number in (6, 3):
        assert apply(shop, {number: json.dumps({"Id": number})}).landed == 1
        assert_balance(shop)
    assert [row[0] for row in in_lake(shop)] == [1, 2, 3, 4, 5, 6]
    assert (len(shop.entry().replayed_files), shop.entry().rejected_file) == (3, None)
    assert replay(shop.settings).tables == {}


def test_the_raw_file_is_not_needed_and_an_alias_added_since_counts(shop: Workshop) -> None:
    path = shop.write("a.jsonl", lines({"Id": 1, "Price": "5"}, b'{"Id": 2, "Price": "7"'))
    shop.load()
    path.unlink()
    assert [entry.state for entry in shop.load().gone] == ["gone"]
    shop.declare(PRICED)
    assert apply(shop, {2: '{"Id": 2, "Price": "7"}'}).landed == 1
    assert in_lake(shop) == [(1, "1", None, None), (2, "2", "7", None)]
    assert (shop.entry().state, shop.entry().quarantined) == ("gone", 0)
    assert len(shop.load().gone) == 1
    assert_balance(shop)


@pytest.mark.parametrize("state", ["refused", "shrunk"])
def test_a_file_whose_later_version_was_refused_is_replayed(shop: Workshop, state: str) -> None:
    shop.load_one(lines({"Id": 1}, BAD, {"Id": 3}))
    shop.load_one(lines({"Amount": 1}, *({"Amount": n} for n in range(9 * (state == "refused")))))
    assert shop.entry().state == state
    assert apply(shop, {2: MENDED}).landed == 1
    assert shop.entry().state == state
    assert in_lake(shop)[1] == (2, "2", "7", None)
    assert_balance(shop)


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.json", "a.json.gz"])
def test_a_record_corrected_by_hand_lands_under_its_own_number(shop: Workshop, name: str) -> None:
    records = [b'{"Id": 1}', BAD, b'{"Id": 3}', b'{"Id": 4, "Note": "caf\xe9"}']
    content = b"\n".join(records)
    if ".json." in f"{name}.":
        content = b"[\n" + b",\n".join(records) + b"\n]"
    shop.load_one(content, name)
    numbers = [row[0] for row in shop.quarantine(name)]
    assert 4 in numbers
    texts = {2: MENDED, 4: '{"Id": 4, "Note": "café"}'}
    report = apply(shop, {number: texts[number] for number in numbers}, name)
    assert (report.landed, report.failures) == (len(numbers), [])
    rows = [(1, "1", None, None), (2, "2", "7", None), (3, "3", None, None), (4, "4", None, "café")]
    assert in_lake(shop, name) == rows
    for correction in shop.entry(name).corrections:
        assert correction == {
            "record": correction["record"],
            "raw_hash": hashlib.sha256(records[correction["record"] - 1]).hexdigest(),
            "text": texts[correction["record"]],
            "applied": True,
        }
    assert_balance(shop)


def test_a_row_of_a_csv_file_is_read_by_its_own_header(shop: Workshop) -> None:
    path = shop.write("a.csv", 'Note;Id;Price\na;1;5\nb;2\n"c";3;6\nb;4\n')
    shop.load()
    assert [row[0] for row in shop.quarantine("a.csv")] == [2, 4]
    path.unlink()
    shop.declare(PRICED)
    report = apply(shop, {2: '"b\n;";2;"7"', 4: "b;4\nb;5;5"}, "a.csv")
    assert (report.landed, len(report.failures)) == (1, 1)
    assert in_lake(shop, "a.csv")[1] == (2, "2", "7", "b\n;")
    assert [row[3] for row in shop.quarantine("a.csv")] == ["b;4"]
    assert_balance(shop)


def test_a_column_that_is_declared_to_be_decoded_is_decoded(shop: Workshop) -> None:
    shop.declare(SOURCES + "            config: {meta: {decode: python_literal}}\n")
    shop.load_one(lines({"Id": 1, "Note": "[{'a': None}]"}, b"two"))
    apply(shop, {2: json.dumps({"Id": 2, "Note": "[{'a': \"D'P\"}]"})})
    notes = [json.loads(row[3]) for row in in_lake(shop)]
    assert notes == [[{"a": None}], [{"a": "D'P"}]]


def test_the_export_shows_what_is_in_quarantine(shop: Workshop) -> None:
    shop.write("b.jsonl", lines({"Id": 1}, b'{"Note": "\xe9 \xc3\xa9\\u00e9'))
    shop.load_one(b"\n" + lines({"Id": 1}, b"[1]"))
    path = shop.root / "export.jsonl"
    assert export_quarantine(shop.lake, ["shop.orders"], path) == 2
    assert [json.loads(line) for line in path.read_text("utf-8").splitlines()] == [
        {
            "source_file": "shop/orders/a.jsonl",
            "table": "shop.orders",
            "record": 2,
            "first_line": 3,
            "reason": "not_an_object: a JSON array instead of an object",
            "text": "[1]",
        },
        {
            "source_file": "shop/orders/b.jsonl",
            "table": "shop.orders",
            "record": 2,
            "first_line": 2,
            "reason": "bad_bytes: not UTF-8: byte 0xE9 at byte 11 of the record",
            "text": '{"Note": "\\xe9 é\\u00e9',
        },
    ]
    with pytest.raises(CasebookError, match=r"there already(.|\n)*Fix: name another file"):
        export_quarantine(shop.lake, ["shop.orders"], path)
    before = shop.copy_of_lake()
    assert replay(shop.settings, corrections=path).exit_status == 0
    assert shop.copy_of_lake() == before


def test_a_correction_that_does_not_read_leaves_the_original_in_quarantine(shop: Workshop) -> None:
    shop.load_one(lines({"Id": 1}, b'{"Id": "\xff"', b"three", b"four"))
    before = shop.quarantine()
    path = correct(shop, {2: '{"Id": ', 3: '{"Id": 3}\n{"Id": 33}', 4: '{"Id": 4}'})
    report = replay(shop.settings, corrections=path)
    assert (report.landed, report.exit_status) == (1, 1)
    first, second = map(str, report.failures)
    assert first.startswith("line 1: shop/orders/a.jsonl: record 2: still cannot be read: not_json")
    assert second.startswith("line 2: shop/orders/a.jsonl: record 3: still cannot be read")
    assert shop.quarantine() == before[:2]
    assert [correction["record"] for correction in shop.entry().corrections] == [4]
    assert_balance(shop)


def test_the_same_corrections_may_be_given_again(shop: Workshop) -> None:
    shop.load_one(lines({"Id": 1}, b"two", b"three"))
    path = correct(shop, {2: '{"Id": 2}'})
    assert replay(shop.settings, corrections=path).landed == 1
    before = shop.copy_of_lake()
    again = replay(shop.settings, corrections=path)
    assert (again.landed, again.exit_status) == (0, 0)
    assert shop.copy_of_lake() == before
    path.write_text(path.read_text().replace('\\"Id\\": 2', '\\"Id\\": 22'))
    with pytest.raises(CasebookError, match=r"line 1: record 2 of shop/orders/a\.jsonl is not in"):
        replay(shop.settings, corrections=path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (GOOD_LINE | {"record": 1}, "line 2: record 1 of shop/orders/a.jsonl is not in quarantine"),
        (GOOD_LINE | {"record": 9}, "line 2: record 9 of shop/orders/a.jsonl is not in quarantine"),
        (GOOD_LINE | {"source_file": "../x"}, "line 2: record 2 of ../x is not in quarantine"),
        (
            GOOD_LINE | {"table": "shop.other"},
            "line 2: shop.other is no declared table, or not chosen",
        ),
        (GOOD_LINE | {"text": None}, "line 2: not as it was exported"),
        (GOOD_LINE | {"record": "x"}, "not as it was exported"),
        (GOOD_LINE | {"text": "\ud800"}, "not as it was exported"),
        ([1], "not as it was exported"),
        (b'{"record": 2,', "not as it was exported"),
        (b"\xff", "not as it was exported"),
        (GOOD_LINE, "line 2: a second line for the same record"),
    ],
)
def test_a_line_of_no_quarantined_record_stops_the_replay_before_it_begins(
    shop: Workshop, line: object, message: str
) -> None:
    shop.load_one(lines({"Id": 1}, BAD))
    before = shop.copy_of_lake()
    path = shop.root / "corrections.jsonl"
    path.write_bytes(lines(GOOD_LINE | {"text": MENDED}, line))
    with pytest.raises(CasebookError) as raised:
        replay(shop.settings, corrections=path)
    assert str(raised.value).startswith(f"{path}: {message}")
    assert raised.value.fix
    assert shop.copy_of_lake() == before


def test_what_cannot_be_replayed_at_all_says_why(shop: Workshop) -> None:
    assert replay(shop.settings).tables == {}
    with pytest.raises(CasebookError, match="the corrections cannot be read: No such file"):
        replay(shop.settings, corrections=shop.root / "none")
    with pytest.raises(CasebookError, match="no source declares nothing"):
        replay(shop.settings, ["nothing"])
    shop.load_one(lines({"Id": 1}, BAD))
    os.truncate(shop.settings.lake / str(shop.entry().rejected_file), 100)
    report = replay(shop.settings)
    assert (report.exit_status, report.landed) == (1, 0)
    assert str(report.failures[0]).startswith("shop/orders/a.jsonl: a landed file of it is damaged")
    path = shop.root / "corrections.jsonl"
    with pytest.raises(CasebookError, match="the quarantine cannot be read"):
        export_quarantine(shop.lake, ["shop.orders"], path)
    path.write_bytes(lines(GOOD_LINE))
    with pytest.raises(CasebookError, match="the lake cannot be written or read"):
        replay(shop.settings, corrections=path)


def test_a_missing_quarantine_does_not_keep_other_files_from_being_replayed(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.write("b.jsonl", lines({"Id": 1}, BAD))
    (shop.settings.lake / str(shop.load_one(lines({"Id": 1}, BAD)).rejected_file)).unlink()
    close_braces(monkeypatch)
    report = replay(shop.settings)
    (failure,) = report.failures
    assert failure.startswith("shop/orders/a.jsonl: a landed file of it is missing; `casebook load")
    assert (report.landed, report.tables["shop.orders"].left) == (1, 1)
    assert in_lake(shop, "b.jsonl")[1] == (2, "2", "7", None)


@pytest.mark.parametrize("fault", ["loses a record", "takes another number"])
def test_a_reader_that_does_not_keep_count_lands_nothing(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    shop.load_one(lines({"Id": 1}, b"x", BAD))
    path = correct(shop, {3: MENDED})
    before = shop.copy_of_lake()

    def again(table: Table, workspace: Workspace, layout: dict, texts: list[Text]) -> int:
        texts = texts[1:] if fault == "loses a record" else texts
        number = 1 if fault == "takes another number" else 3
        texts = [*texts[:-1], replace(texts[-1], number=number)]
        return json_files.LINES.again(table, workspace, layout, texts)

    monkeypatch.setitem(choose.FORMATS, "json_lines", replace(json_files.LINES, again=again))
    report = replay(shop.settings, corrections=path)
    assert "the count does not come out" in str(report.failures[0])
    assert shop.copy_of_lake() == before


def test_a_load_keeps_what_was_replayed_or_makes_it_again(shop: Workshop) -> None:
    content = lines({"Id": 1}, BAD, {"Id": 3})
    shop.load_one(content)
    apply(shop, {2: MENDED})
    rows, entry = in_lake(shop), shop.entry()
    for options in ({}, {"verify": True}):
        shop.load(**options)
        assert in_lake(shop) == rows
    assert shop.entry() == replace(entry, state="unchanged")
    os.utime(shop.folder / "a.jsonl", ns=(1, 1))
    shop.load()
    assert in_lake(shop) == rows
    assert_balance(shop)
    for is_refused_first in (False, True):
        (shop.settings.lake / shop.entry().replayed_files[0]).unlink()
        if is_refused_first:
            assert shop.load_one(lines({"Amount": 1}, {"Amount": 2})).state == "refused"
        shop.load_one(content)
        assert in_lake(shop) == rows


@pytest.mark.parametrize("why", ["redeclared", "appended", "amended", "shrunk"])
def test_corrections_are_applied_again_when_the_file_is_landed_again(
    shop: Workshop, why: str
) -> None:
    shop.load_one(lines({"Id": 1}, BAD, {"Id": 3}, b"four", b"five"))
    apply(shop, {2: MENDED, 4: '{"Id": 44}'})
    first = shop.entry()
    content = lines({"Id": 1}, BAD, {"Id": 3}, b"four", b"five")
    if why == "redeclared":
        shop.declare(PRICED)
    elif why == "appended":
        content += lines({"Id": 6})
    elif why == "amended":
        content = content.replace(b'{"Id": 1}', b'{"Id": 111111}')
    elif why == "shrunk":
        content = content.replace(b'{"Id": 3}', b"{}")
    shop.write("a.jsonl", content)
    shop.load(allow_shrink=True)
    entry = shop.entry()
    assert entry.state == why
    corrected = [row for row in in_lake(shop) if row[0] in (2, 4)]
    assert corrected == [(2, "2", "7", None), (4, "44", None, None)]
    assert [row[:1] + row[3:] for row in shop.quarantine()] == [(5, "five", b"five")]
    assert entry.corrections == first.corrections
    assert_balance(shop)
    replaced = {old["file"] for old in entry.replaced_files}
    assert replaced == {*first.files, *(old["file"] for old in first.replaced_files)}
    assert entry.loaded_at is not None and entry.loaded_at > str(first.loaded_at)


def test_a_correction_is_not_applied_to_other_bytes_but_comes_back_with_the_old_ones(
    shop: Workshop,
) -> None:
    content = lines({"Id": 1}, BAD, {"Id": 3})
    shop.load_one(content)
    apply(shop, {2: MENDED})
    rows = in_lake(shop)
    entry = shop.load_one(content.replace(BAD, b'{"Id": 2, "Amount": "8"'))
    assert [correction["applied"] for correction in entry.corrections] == [False]
    assert [row[0] for row in shop.quarantine()] == [2]
    shop.load_one(content.replace(BAD, b'{"Id": 2, "Amount": "8"}'))
    assert in_lake(shop)[1] == (2, "2", "8", None)
    assert shop.load_one(b"\n" + lines(BAD) + content).quarantined == 2
    entry = shop.load_one(content + b"\n" * 99)
    assert [correction["applied"] for correction in entry.corrections] == [True]
    assert in_lake(shop) == rows
    assert_balance(shop)


def test_many_records_and_long_ones_are_replayed_in_batches(shop: Workshop) -> None:
    long = b'{"Id": "long", "Note": "' + b"x" * (5 << 20)
    content = b"".join(
        b'{"Id": %d%s\n' % (number, b"" if number % 2 else b"}") for number in range(1, 20_001)
    )
    shop.load_one(content + long)
    texts = {number: json.dumps({"Id": number}) for number in range(1, 20_001, 2)}
    texts[20_001] = (long + b'"}').decode()
    texts[9], texts[19_999] = "still bad", "bad, too"
    report = apply(shop, texts)
    assert (report.landed, len(report.failures)) == (9_999, 2)
    assert [row[0] for row in shop.quarantine()] == [9, 19_999]
    rows = in_lake(shop)
    assert [row[1] for row in rows[:-1]] == [str(row[0]) for row in rows[:-1]]
    assert rows[-1][:2] == (20_001, "long")
    replayed = str(shop.settings.lake / shop.entry().replayed_files[0])
    stored = duckdb.execute("select _source_record from read_parquet(?)", [replayed]).fetchall()
    assert stored == sorted(stored)
    assert_balance(shop)


def test_more_corrections_than_the_ledger_can_keep_are_refused(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.load_one(lines({"Id": 1}, b"two", b"three"))
    before = shop.copy_of_lake()
    monkeypatch.setattr("casebook.load.again.MAX_CORRECTIONS_BYTES", 200)
    assert "put a mended file" in str(apply(shop, {2: '{"Id": 2}', 3: '{"Id": 3}'}).failures[0])
    assert shop.copy_of_lake() == before
    assert apply(shop, {2: '{"Id": 2}'}).landed == 1


def test_tables_can_be_chosen(shop: Workshop) -> None:
    shop.declare(SOURCES + "      - name: returns\n        columns: [{name: Id}]\n")
    other = shop.root / "raw" / "shop" / "returns" / "a.jsonl"
    other.parent.mkdir(parents=True)
    other.write_bytes(lines({"Id": 1}, b"bad"))
    shop.load_one(lines({"Id": 1}, BAD))
    assert set(replay(shop.settings, ["shop.returns"]).tables) == {"shop.returns"}
    assert set(replay(shop.settings, ["shop"]).tables) == {"shop.orders", "shop.returns"}
    with pytest.raises(CasebookError, match=r"shop\.orders is no declared table, or not chosen"):
        replay(shop.settings, ["shop.returns"], corrections=correct(shop, {2: MENDED}))


@pytest.mark.parametrize("step", ["Lake.commit", "Lake.sweep"])
def test_a_killed_replay_leaves_a_lake_that_the_next_one_completes(
    shop: Workshop, step: str
) -> None:
    shop.load_one(lines({"Id": 1}, BAD, b"x"))
    path = correct(shop, {2: MENDED})
    patch = (
        "import os, signal; import casebook.lake.layout as m\n"
        f"m.{step} = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run(
        [sys.executable, "-c", patch + REPLAYER, str(shop.root), str(path)], check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert len(in_lake(shop)) == (1 if step == "Lake.commit" else 2)
    assert replay(shop.settings, corrections=path).exit_status == 0
    assert in_lake(shop) == [(1, "1", None, None), (2, "2", "7", None)]
    assert [row[0] for row in shop.quarantine()] == [3]
    assert list((shop.settings.lake / "_tmp").iterdir()) == []
    assert_balance(shop)


def test_a_replay_waits_for_a_loader_and_takes_what_that_has_landed(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.load_one(lines({"Id": 1}, BAD, {"Id": 3}))
    path = correct(shop, {2: MENDED})
    find_reader, begun, told = land.find_reader, threading.Event(), threading.Event()

    def find_when_told(raw: Path, table: Table) -> object:
        begun.set()
        told.wait(60)
        return find_reader(raw, table)

    monkeypatch.setattr(land, "find_reader", find_when_told)
    content = lines({"Id": 1}, BAD, {"Id": 3}, {"Id": 4})
    loading = threading.Thread(target=shop.load_one, args=(content,))
    loading.start()
    assert begun.wait(60)
    command = [sys.executable, "-c", REPLAYER, str(shop.root), str(path)]
    replaying = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    while len(list(shop.settings.lake.glob("_tmp/*"))) < 2:
        time.sleep(0.01)
    time.sleep(0.5)
    assert replaying.poll() is None
    told.set()
    loading.join()
    assert replaying.communicate()[0] == "1\n"
    assert [row[1] for row in in_lake(shop)] == ["1", "2", "3", "4"]
    assert_balance(shop)


def test_replays_and_a_load_at_once_do_the_work_once(shop: Workshop) -> None:
    names = [f"{number}.jsonl" for number in range(12)]
    for name in names:
        shop.write(name, lines({"Id": 1}, BAD, {"Id": 3}))
    shop.load()
    path = shop.root / "corrections.jsonl"
    export_quarantine(shop.lake, ["shop.orders"], path)
    path.write_text(path.read_text().replace('\\"7\\""', '\\"7\\"}"'))
    for name in names[::2]:
        shop.write(name, lines({"Id": 1}, BAD, {"Id": 3}, {"Id": 4}))
    command = [sys.executable, "-c", REPLAYER, str(shop.root), str(path)]
    replays = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    loading = threading.Thread(target=shop.load)
    loading.start()
    landed = [process.communicate()[0] for process in replays]
    loading.join()
    assert [process.returncode for process in replays] == [0, 0]
    assert sum(map(int, landed)) >= 12
    replay(shop.settings, corrections=path)
    for number, name in enumerate(names):
        rows = in_lake(shop, name)
        assert [row[1] for row in rows] == ["1", "2", "3", "4"][: 4 - number % 2]
        assert rows[1] == (2, "2", "7", None)
    assert_balance(shop)


VOTES = "select * from blog_analysis.votes order by vote_id"
BROKEN = json.dumps(vote(2, UserId="7")).removesuffix("}")


def edit(path: Path, record: int, text: str) -> None:
    """Change the text of one record in an exported file."""
    exported = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_bytes(
        lines(*(line | ({"text": text} if line["record"] == record else {}) for line in exported))
    )


def test_a_corrected_record_becomes_the_row_of_a_mart_and_no_other_row_changes(
    bench: Workbench,
) -> None:
    others = [vote(1), vote(3), vote(4)]
    content = [others[0], BROKEN.encode(), others[1], b"[5]", others[2]]
    path = bench.write("a.jsonl", lines(*content))
    bench.write("b.jsonl", [vote(10), vote(11, UserId="x")])
    bench.casebook("build", "-q", *UNTESTED)
    votes = bench.query(VOTES)
    path.unlink()
    export = bench.root / "export.jsonl"
    assert bench.casebook("replay", "--export", str(export)).stdout == f"{export}: 2 records\n"
    edit(export, 2, BROKEN + "}")
    replayed = bench.casebook("replay", "blog.votes", "--corrections", str(export))
    assert replayed.stdout.splitlines() == [
        "table,files,tried,landed,left",
        "blog.votes,1,2,1,1",
        "the next `casebook build` takes in what was landed",
    ]
    assert bench.query(VOTES) == votes
    built = bench.casebook("build")
    assert "gone, but kept in the lake: blog/votes/a.jsonl" in built.stdout
    (new,) = set(bench.query(VOTES)) - set(votes)
    assert [row for row in bench.query(VOTES) if row != new] == votes
    assert bench.query(
        "select vote_id, user_id, source_file, source_record, loaded_at > (select max(loaded_at)"
        " from blog_analysis.votes where vote_id <> 2) from blog_analysis.votes where vote_id = 2"
    ) == [(2, 7, "blog/votes/a.jsonl", 2, True)]
    assert bench.query(
        "select source_file, source_record, stage from audit.rejected_rows order by all"
    ) == [("blog/votes/a.jsonl", 4, "quarantined"), ("blog/votes/b.jsonl", 2, "rejected")]
    assert bench.query(
        "select records, quarantined, landed, items, kept from audit.row_accounting"
        " where source_file = 'blog/votes/a.jsonl'"
    ) == [(5, 1, 4, 4, 4)]
    incremental = bench.blog_marts()
    traced = bench.casebook("trace", "votes", "2").stdout
    assert "original text    not to be had" in traced
    assert f"corrected to     {BROKEN}}}" in traced
    path.write_bytes(lines(*content))
    traced = bench.casebook("trace", "votes", "2").stdout
    assert f"original text    {BROKEN}\ncorrected to     {BROKEN}}}" in traced
    assert "corrected to" not in bench.casebook("trace", "votes", "3").stdout
    bench.casebook("build", "-q", "--full-refresh", *UNTESTED)
    assert bench.blog_marts() == incremental


def test_the_command_line_of_a_replay(bench: Workbench) -> None:
    bench.write("a.jsonl", lines(vote(1), BROKEN.encode(), b"[5]"))
    bench.casebook("load", "-q")
    export = str(bench.root / "export.jsonl")
    both = bench.casebook("replay", "--export", export, "--corrections", export, status=2)
    assert "not both" in both.stderr
    assert bench.casebook("replay", "-q", "--export", export).stdout == ""
    assert "Fix: name another file" in bench.casebook("replay", "--export", export, status=1).stderr
    edit(Path(export), 3, "[55]")
    failed = bench.casebook("replay", "--corrections", export, status=1)
    assert failed.stdout.splitlines()[-1] == "blog.votes,1,2,0,2"
    assert failed.stderr.endswith(
        "not done line 2: blog/votes/a.jsonl: record 3: still cannot be read: not_an_object: a"
        " JSON array instead of an object\n"
    )
    assert bench.casebook("replay", "-q", "blog").stdout == ""


def test_rejects_before_the_first_build_are_those_in_quarantine(bench: Workbench) -> None:
    bench.write("a.jsonl", lines(vote(1, PostId="@"), b"[2]", b"[3]", b"{"))
    bench.write("b.jsonl", lines(vote(1), b"[2]"))
    bench.casebook("load")
    before = bench.casebook("rejects", "blog.votes")
    assert "nothing is built from this lake yet" in before.stderr
    rows = [line.rpartition(",")[0] for line in before.stdout.splitlines()]
    assert rows == [
        "file,stage,reason,records,share",
        "blog/votes/a.jsonl,quarantined,not_an_object,2,50.0%",
        "blog/votes/a.jsonl,quarantined,not_json,1,25.0%",
        "blog/votes/b.jsonl,quarantined,not_an_object,1,50.0%",
    ]
    texts = bench.casebook("rejects", "--raw").stdout
    one = bench.casebook("rejects", "--raw", "--file", "blog/votes/b.jsonl").stdout
    assert one.splitlines()[0].startswith("blog/votes/b.jsonl: record 2, line 2: quarantined: not_")
    bench.casebook("build", "-q", *UNTESTED)
    after = bench.casebook("rejects")
    assert set(before.stdout.splitlines()) < set(after.stdout.splitlines())
    assert "a.jsonl,rejected,PostId: not_an_integer,1,25.0%" in after.stdout
    assert "nothing is built" not in after.stderr
    assert set(texts.splitlines()) < set(bench.casebook("rejects", "--text").stdout.splitlines())
    assert bench.casebook("rejects", "--raw", "--file", "blog/votes/b.jsonl").stdout == one
    lines_of_b = bench.casebook("rejects", "--file", "blog/votes/b.jsonl").stdout.splitlines()
    assert lines_of_b[1:] == [line for line in before.stdout.splitlines() if "b.jsonl" in line]
