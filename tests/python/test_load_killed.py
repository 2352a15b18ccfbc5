"""Loaders that are killed, run at the same time, or meet a disk or a file that fails them."""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
from casebook.load import land as load_module
from casebook.sources import Table
from loading import Workshop, lines
from loading import shop as shop

LOADER = """
import sys
from pathlib import Path
import duckdb
from casebook.load.run import load
from casebook.settings import Settings
root = Path(sys.argv[1])
print("ready", flush=True)
report = load(Settings(root, root / "raw", root / "lake", root / "warehouse.db"))
print(" ".join(result.entry.state for result in report.files))
"""
KILLS = 50


def start(root: Path) -> subprocess.Popen:
    """A loader in a process of its own, about to begin."""
    process = subprocess.Popen(
        [sys.executable, "-c", LOADER, str(root)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    return process


def fill(shop: Workshop, files: int = 12) -> list[str]:
    """Write files of several formats, most of them with bad records."""
    names = []
    for n in range(files):
        ids = range(n * 1000, n * 1000 + 400)
        if n % 4 == 3:
            names.append(f"{n:02}.csv.gz")
            rows = "".join(f"{i},{i / 4}\n" for i in ids)
            shop.write(names[-1], f'Id,Amount\n{rows}"never closed\nlast,1\n')
        elif n % 4 == 2:
            names.append(f"{n:02}.json")
            shop.write(names[-1], json.dumps([{"Id": i} for i in ids] + [7]))
        else:
            names.append(f"{n:02}.jsonl")
            bad = [b"{"] * (n % 2)
            shop.write(names[-1], lines(*({"Id": i} for i in ids), *bad, {"Id": "last"}))
    return names


def content(shop: Workshop, names: list[str]) -> list[tuple]:
    return [(shop.landed(name), shop.quarantine(name)) for name in names]


def committed(shop: Workshop) -> set[str | None]:
    entries = shop.lake.entries()
    files = {file for entry in entries for file in entry.files}
    return files | {old["file"] for entry in entries for old in entry.replaced_files}


def test_a_killed_loader_leaves_a_lake_that_the_next_run_completes(tmp_path: Path) -> None:
    whole = Workshop(tmp_path / "whole")
    names = fill(whole)
    process = start(whole.root)
    started = time.perf_counter()
    process.communicate()
    seconds = time.perf_counter() - started
    expected = content(whole, names)
    chance = random.Random(7)
    interrupted = 0
    for attempt in range(KILLS):
        shop = Workshop(tmp_path / f"killed {attempt}")
        fill(shop)
        process = start(shop.root)
        time.sleep(seconds * chance.uniform(0, 1))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        landed_before = shop.lake.entries()
        interrupted += process.returncode == -signal.SIGKILL and len(landed_before) < len(names)
        for entry in landed_before:
            assert shop.landed(entry.source_file.rpartition("/")[2])
        shop.load()
        assert content(shop, names) == expected
        assert set(shop.files_in_lake()) == committed(shop)
        shutil.rmtree(shop.root)
    assert interrupted > KILLS / 2


@pytest.mark.parametrize("step", ["landed file placed", "entry written"])
def test_a_loader_killed_around_the_commit_leaves_no_half_work(shop: Workshop, step: str) -> None:
    shop.load_one(lines({"Id": 1}))
    shop.write("a.jsonl", lines({"Id": 2}, {"Id": 3}, b"{"))
    place = "Lake.commit" if step == "landed file placed" else "Lake.sweep"
    patch = (
        "import os, signal; import casebook.lake.layout as m\n"
        f"m.{place} = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", patch + LOADER, str(shop.root)], check=False)
    assert killed.returncode == -signal.SIGKILL
    expected = ["1"] if step == "landed file placed" else ["2", "3"]
    assert [row[1] for row in shop.landed()] == expected
    shop.load()
    assert [row[1] for row in shop.landed()] == ["2", "3"]
    assert set(shop.files_in_lake()) == committed(shop)


def test_four_loaders_at_once_do_the_work_once(tmp_path: Path) -> None:
    whole = Workshop(tmp_path / "whole")
    names = fill(whole, 30)
    whole.load()
    shop = Workshop(tmp_path / "four")
    fill(shop, 30)
    loaders = [start(shop.root) for _ in range(4)]
    outputs = [loader.communicate()[0] for loader in loaders]
    assert all(loader.returncode == 0 for loader in loaders)
    assert " ".join(outputs).split().count("new") == 30
    assert content(shop, names) == content(whole, names)
    assert set(shop.files_in_lake()) == committed(shop)
    assert all(not entry.replaced_files for entry in shop.lake.entries())


def test_a_full_disk_leaves_nothing_committed(shop: Workshop) -> None:
    shop.write("a.jsonl", lines({"Id": 1}))
    shop.write("b.jsonl", lines(*({"Id": str(hash(str(n)))} for n in range(200_000))))
    limit = 1 << 20

    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    failed = subprocess.run(
        [sys.executable, "-c", LOADER, str(shop.root)],
        preexec_fn=limited,
        capture_output=True,
        text=True,
        check=False,
    )
    assert failed.returncode == 1
    assert "CasebookError" in failed.stderr and "the lake cannot be written" in failed.stderr
    assert [entry.source_file for entry in shop.lake.entries()] == ["shop/orders/a.jsonl"]
    assert set(shop.files_in_lake()) == committed(shop)
    assert shop.load().exit_status == 0
    assert len(shop.landed("b.jsonl")) == 200_000


@pytest.mark.parametrize("changes", [2, 99])
def test_a_file_that_changes_while_it_is_read_is_read_again_or_refused_in_the_end(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch, changes: int
) -> None:
    path = shop.write("a.jsonl", lines({"Id": 1}))
    find_reader, reads = load_module.find_reader, []

    def find_and_change(raw: Path, table: Table) -> object:
        reads.append(raw)
        if len(reads) <= changes:
            path.write_bytes(path.read_bytes() + lines({"Id": 1 + len(reads)}))
        return find_reader(raw, table)

    monkeypatch.setattr(load_module, "find_reader", find_and_change)
    report, entry = shop.load(), shop.entry()
    assert len(reads) == 3
    if changes == 2:
        assert [row[1] for row in shop.landed()] == ["1", "2", "3"]
        assert entry.size_bytes == path.stat().st_size
    else:
        assert (report.exit_status, entry.state, entry.landed_file) == (1, "refused", None)
        assert "changed 3 times while it was read" in str(entry.refusal)
        assert shop.files_in_lake() == []


def test_a_file_that_is_written_while_loaders_run_lands_whole_in_the_end(shop: Workshop) -> None:
    path = shop.write("a.jsonl", b"")
    stop = threading.Event()

    def write() -> None:
        with path.open("ab", buffering=0) as file:
            for n in range(3000):
                file.write(lines({"Id": n}))
                time.sleep(0.0002)
        stop.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not stop.is_set():
        shop.load()
    writer.join()
    shop.load()
    assert [row[1] for row in shop.landed()] == [str(n) for n in range(3000)]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a user whom permissions do not bind")
def test_an_unreadable_file_is_refused_and_others_load() -> None:
    root = Path(tempfile.mkdtemp())
    try:
        shop = Workshop(root)
        shop.write("a.jsonl", lines({"Id": 1}))
        shop.write("b.jsonl", lines({"Id": 1}))
        shop.write("folder/c.jsonl", lines({"Id": 1}))
        for path in [root, *root.rglob("*")]:
            os.chown(path, 65534, 65534)
        (shop.folder / "a.jsonl").chmod(0)
        (shop.folder / "folder").chmod(0)
        os.seteuid(65534)
        try:
            report = shop.load()
        finally:
            os.seteuid(0)
        states = [result.entry.state for result in report.files]
        assert states == ["refused", "new", "refused"]
        assert shop.entry("a.jsonl").refusal == "cannot be read: Permission denied"
    finally:
        shutil.rmtree(root)
