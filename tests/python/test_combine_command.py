"""`casebook combine` on the command line: what it prints, where, and its exit status."""

from __future__ import annotations

from pathlib import Path

import pytest
from combining import Kitchen
from workbench import Workbench


@pytest.fixture
def kitchen(tmp_path: Path) -> Kitchen:
    kitchen = Kitchen(tmp_path)
    kitchen.write("good/a.csv", "a,b\n1,2\n3,4\n")
    kitchen.write("good/b.jsonl", '{"a": 1}\n')
    kitchen.write("bad/a.csv", "a,b\n1,2\n3\n")
    kitchen.write("notes.txt", "mine")
    return kitchen


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    """Somewhere without a dbt project: none is needed."""
    return Workbench(tmp_path, tmp_path)


def test_it_prints_what_was_combined_and_what_was_not(kitchen, bench) -> None:
    done = bench.casebook("combine", "raw", "out", status=1)
    size = (kitchen.out / "good.json.gz").stat().st_size
    assert done.stdout.splitlines() == [
        "in no subfolder, or a dot file: notes.txt",
        "subfolder,files,records,rejected,size_bytes",
        f"good,2,3,0,{size}",
    ]
    assert done.stderr.splitlines() == [
        "not combined raw/bad/a.csv: record 2: line 3: wrong_field_count: 1 fields instead of 2",
        "Fix: correct the record, or put such records aside with --skip-bad",
    ]
    assert set(kitchen.outputs()) == {"good.json.gz"}


def test_bad_records_can_be_skipped(kitchen, bench) -> None:
    done = bench.casebook("combine", "raw", "out", "--skip-bad")
    assert done.stderr == ""
    rows = [line.split(",")[:4] for line in done.stdout.splitlines()[2:]]
    assert rows == [["bad", "1", "1", "1"], ["good", "2", "3", "0"]]
    assert [row["raw_text"] for row in kitchen.rejected("bad")] == ["3"]
    (kitchen.raw / "bad" / "a.csv").unlink()
    (kitchen.raw / "bad").rmdir()
    shown = bench.casebook("combine", "raw", "out").stdout
    assert "removed, as its subfolder is gone: bad.json.gz" in shown
    assert "removed, as its subfolder is gone: bad.rejected.jsonl" in shown


def test_quietly_it_prints_errors_only(kitchen, bench) -> None:
    done = bench.casebook("combine", "-q", "raw", "out", status=1)
    assert done.stdout == ""
    assert "not combined raw/bad/a.csv: record 2" in done.stderr


def test_what_cannot_be_combined_at_all_is_an_error(kitchen, bench) -> None:
    failed = bench.casebook("combine", "nosuch", "out", status=1)
    assert "error nosuch: the folder cannot be listed: No such file or directory" in failed.stderr
    failed = bench.casebook("combine", "raw", "raw/out", status=1)
    assert "error raw/out: the outputs would lie among the raw files" in failed.stderr
    assert "Fix: name a folder that is not in raw" in failed.stderr
    assert failed.stdout == ""
    assert "Missing argument" in bench.casebook("combine", "raw", status=2).stderr
