"""What is wrong in a lake is found and mended from the raw files, which are the truth."""

from __future__ import annotations

import io
import json
from pathlib import Path

import duckdb
import pytest
from casebook.cli import printing
from casebook.errors import CasebookError
from casebook.files import escaped
from casebook.lake.ledger import LedgerEntry
from casebook.load.original import export_quarantine
from casebook.load.purge import find_text, purge
from casebook.load.replay import replay
from casebook.settings import read_mark
from loading import SOURCES, Workshop, lines
from loading import shop as shop

BAD = b'{"Id": 2, "Amount": "7"'


def correct(shop: Workshop) -> None:
    """Correct the broken record of a.jsonl by hand."""
    path = shop.root / "corrections.jsonl"
    export_quarantine(shop.lake, ["shop.orders"], path)
    path.write_text(path.read_text().replace('\\"7\\""', '\\"7\\"}"'))
    assert replay(shop.settings, corrections=path).landed == 1


def path_of(shop: Workshop, name: str = "a.jsonl") -> Path:
    return shop.lake.entry_path("shop", "orders", f"shop/orders/{name}")


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def replayed(shop: Workshop) -> list[tuple]:
    paths = [str(shop.settings.lake / name) for name in shop.entry().replayed_files]
    return duckdb.execute("select Id, Amount from read_parquet(?)", [paths]).fetchall()


@pytest.mark.parametrize("which", ["landed_file", "rejected_file", "replayed_files"])
def test_verify_lands_a_damaged_file_again(shop: Workshop, which: str) -> None:
    shop.load_one(lines({"Id": 1}, BAD, b"x"))
    correct(shop)
    landed, quarantined = shop.landed(), shop.quarantine()
    damaged = getattr(shop.entry(), which)
    flip(shop.settings.lake / (damaged[0] if isinstance(damaged, list) else damaged))
    assert shop.load().files[0].repaired is None
    (result,) = shop.load(verify=True).files
    assert (result.repaired, result.entry.state) == ("a landed file of it is damaged", "new")
    assert (shop.landed(), shop.quarantine()) == (landed, quarantined)
    assert replayed(shop) == [("2", "7")]
    assert shop.load(verify=True).files[0].repaired is None


def test_an_entry_of_an_older_lake_is_read_and_gets_its_hash_by_verify(shop: Workshop) -> None:
    first = shop.load_one(lines({"Id": 1}))
    content = json.loads(path_of(shop).read_text())
    del content["landed_hash"], content["content_hash"], content["notes"]
    path_of(shop).write_text(json.dumps(content))
    shop.load()
    assert (shop.entry().landed_file, shop.entry().landed_hash) == (first.landed_file, None)
    assert "no hash" in str(shop.load(verify=True).files[0].repaired)
    assert shop.entry().landed_hash == first.landed_hash


def test_damage_that_cannot_be_mended_is_told_and_nothing_is_dropped(shop: Workshop) -> None:
    shop.load_one(lines({"Id": 1}))
    shop.write("b.jsonl", lines({"Id": 2}))
    shop.load()
    flip(shop.settings.lake / str(shop.entry("b.jsonl").landed_file))
    path_of(shop).write_text("{")
    (shop.folder / "a.jsonl").unlink()
    (shop.folder / "b.jsonl").unlink()
    before = shop.files_in_lake()
    report = shop.load(verify=True)
    reasons = {r.entry.source_file: str(r.entry.refusal) for r in report.refused}
    assert set(reasons) == {"shop/orders/a.jsonl", "shop/orders/b.jsonl"}
    assert all("the raw file is gone" in reason for reason in reasons.values())
    assert report.exit_status == 1
    assert shop.files_in_lake() == before
    assert path_of(shop).read_text() == "{"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"source_file": 1}', "\xff"])
def test_a_damaged_entry_stops_no_load_and_its_corrections_are_not_lost(
    shop: Workshop, content: str
) -> None:
    shop.load_one(lines({"Id": 1}, BAD))
    correct(shop)
    files = shop.files_in_lake()
    path_of(shop).write_bytes(content.encode("latin-1"))
    shop.write("b.jsonl", lines({"Id": 3}))
    report = shop.load()
    assert report.exit_status == 0
    first, second = report.files
    assert (first.entry.state, second.entry.state) == ("new", "new")
    assert "its ledger entry" in str(first.repaired) and second.repaired is None
    assert replayed(shop) == [("2", "7")]
    assert set(files) < set(shop.files_in_lake())


def test_where_the_corrections_are_damaged_too_nothing_is_touched(shop: Workshop) -> None:
    shop.load_one(lines({"Id": 1}, BAD))
    correct(shop)
    for path in path_of(shop).parent.iterdir():
        path.write_text("{")
    before = shop.copy_of_lake()
    report = shop.load()
    assert "put it back from a backup, or delete it" in str(report.refused[0].entry.refusal)
    assert shop.copy_of_lake() == before


def test_a_replay_passes_over_what_is_damaged(shop: Workshop) -> None:
    shop.load_one(lines({"Id": 1}, BAD))
    shop.write("b.jsonl", lines({"Id": 1}, BAD))
    shop.load()
    path_of(shop).write_text("{")
    flip(shop.settings.lake / str(shop.entry("b.jsonl").landed_file))
    report = replay(shop.settings)
    assert ["is damaged" in str(failure) for failure in report.failures] == [True, True]
    assert report.exit_status == 1


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"raw": 1}'])
def test_a_damaged_mark_is_one_clear_line(shop: Workshop, content: str) -> None:
    shop.load_one(lines({"Id": 1}))
    assert read_mark(shop.settings.lake)["raw"] == str(shop.settings.raw)
    mark = shop.settings.lake / "_lake.json"
    mark.write_text(content)
    with pytest.raises(CasebookError, match=r"_lake\.json: it cannot be read(.|\n)*delete it"):
        shop.load()
    mark.unlink()
    assert read_mark(shop.settings.lake) == {}
    assert shop.load().exit_status == 0


def test_a_file_in_the_lakes_place_is_one_clear_line(shop: Workshop) -> None:
    shop.settings.lake.write_text("x")
    with pytest.raises(CasebookError, match=r"the lake cannot be written(.|\n)*Fix: "):
        shop.load()


SECRET = "Ms. Sécret-42"


def test_a_purge_leaves_no_trace_of_what_raw_files_no_longer_hold(shop: Workshop) -> None:
    record = {"Id": 1, "Note": SECRET}
    for name in ("a.jsonl", "b.jsonl", f"{SECRET}.jsonl"):
        shop.write(name, lines(record, {"Id": 2}, b'{"Id": 3, "Note": "%s' % SECRET.encode()))
    shop.write("kept.jsonl", lines({"Id": 9}, BAD))
    shop.load()
    export = shop.root / "corrections.jsonl"
    export_quarantine(shop.lake, ["shop.orders"], export)
    export.write_text(export.read_text().replace(f'{SECRET}"', f'{SECRET}\\"}}"'))
    assert replay(shop.settings, corrections=export).landed == 3
    assert len(find_text(shop.settings, SECRET)) >= 10
    shop.write("a.jsonl", lines({"Id": 1}, {"Id": 2}))
    for name in ("b.jsonl", f"{SECRET}.jsonl"):
        (shop.folder / name).unlink()
    (shop.settings.lake / "shop" / "left.parquet").write_text("left by hand")
    assert shop.load(allow_shrink=True).exit_status == 0
    assert find_text(shop.settings, SECRET) != []
    report = purge(shop.settings)
    assert [r.entry.source_file[12:] for r in report.files] == ["a.jsonl", "kept.jsonl"]
    assert find_text(shop.settings, SECRET) == []
    assert shop.landed() == [(1, "1", None, None), (2, "2", None, None)]
    entries = shop.lake.entries()
    assert set(shop.files_in_lake()) == {file for entry in entries for file in entry.files}
    assert [(e.state, e.replaced_files, e.corrections) for e in entries] == [
        ("unchanged", [], [])
    ] * 2
    assert sorted(
        p.name for p in (shop.settings.lake / "shop" / "orders" / "shop" / "orders").iterdir()
    ) == ["a.jsonl", "kept.jsonl"]
    assert shop.load().exit_status == 0


def test_a_text_is_found_wherever_it_stands(shop: Workshop) -> None:
    shop.load_one(
        lines({"Id": 1, "Note": "in a record"}, {"Id": 2}, b"in quarantine"), "name.jsonl"
    )
    with duckdb.connect(str(shop.settings.warehouse)) as warehouse:
        warehouse.execute("create schema m; create table m.t as select 'in a table' as x, 1 as y")

    def found(text: str) -> set[str]:
        return {Path(place).name.split("-")[0][:9] for place in find_text(shop.settings, text)}

    entry = shop.entry("name.jsonl")
    assert found("in a record") == {entry.file_hash[:9]}
    assert found("in quarantine") == {entry.file_hash[:9]}
    assert found("in a table") >= {"warehouse"}
    assert f"{shop.settings.warehouse}: m.t" in find_text(shop.settings, "in a table")
    assert "~entry.js" in found("name.jsonl")
    assert found("nowhere") == set()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (
            lines(b"<html>", b"<body>not found</body>", b"</html>"),
            "none of its 3 records can be read",
        ),
        (lines({"Other": 1}, {"Other": 2}), "required column Id"),
    ],
)
def test_what_cannot_be_read_replaces_nothing_not_even_by_a_purge(
    shop: Workshop, content: bytes, reason: str
) -> None:
    first = shop.load_one(lines({"Id": 1}, b"x"))
    shop.write("a.jsonl", content)
    for load in (shop.load, lambda: purge(shop.settings)):
        assert load().exit_status == 1
        entry = shop.entry()
        assert entry.state == "refused" and reason in str(entry.refusal)
        assert entry.landed_file == first.landed_file
        assert shop.landed() == [(1, "1", None, None)]
    assert shop.load_one(b"", "b.jsonl").refusal is None


@pytest.mark.parametrize(("share", "is_refused"), [(0.4, True), (0.5, False), (0, True)])
def test_a_file_over_the_share_that_its_table_allows_is_refused(
    shop: Workshop, share: float, is_refused: bool
) -> None:
    name = "      - name: orders\n"
    meta = f"        config: {{meta: {{max_bad_share: {share}}}}}\n"
    shop.declare(SOURCES.replace(name, name + meta))
    entry = shop.load_one(lines({"Id": 1}, b"x", b"y", {"Id": 4}))
    assert (entry.state == "refused", entry.landed_file is None) == (is_refused, is_refused)
    if is_refused:
        assert "2 of its 4 records cannot be read" in str(entry.refusal)


def test_control_characters_are_escaped() -> None:
    shown = escaped("a\x1b[2Jb\x9b\r\u202eé\t\n")
    assert shown == "a\\x1b[2Jb\\x9b\\x0d\\x202eé\t\n"


def test_no_terminal_takes_data_for_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    text, shown = "\x1b]0;x\x07[red]", "\\x1b]0;x\\x07[red]"
    console = printing.Printer(file=io.StringIO(), force_terminal=True, color_system=None)
    for name in ("out", "err"):
        monkeypatch.setattr(printing, name, console)
    console.print(text, markup=False)
    printing.print_error("error", text)
    printing.print_rows(["name"], [(text,)])
    lines = [line.rstrip() for line in console.file.getvalue().splitlines()]
    assert lines == [shown, f"error {shown}", "name", shown]


def test_an_entry_has_the_hash_of_its_unpacked_bytes(shop: Workshop) -> None:
    plain = shop.load_one(lines({"Id": 1}))
    packed: LedgerEntry = shop.load_one(lines({"Id": 1}), "a.jsonl.gz")
    assert plain.content_hash == packed.content_hash == plain.file_hash != packed.file_hash
