"""Whole builds that are killed, starved, damaged and run beside others, while readers look on.

`--faults N` says how many are tried, each for about half a minute: none by default. After each,
what
readers saw was a complete build, nothing that was started goes on, nothing half written is left to
be taken for good, and the next build ends in the warehouse that an undisturbed one would have made.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pytest
from workbench import Workbench, project_with, vote

DBT_ALONE = ("build", "--exclude-resource-type", "unit_test")
Fault = Callable[["Ground", random.Random], None]


@dataclass
class Ground:
    """A workbench with a published warehouse that is built upon, fault after fault.

    Attributes:
        bench: the workbench.
        votes: the votes that are delivered, and so to be published by the next build that is whole.
        seconds: how long an undisturbed build takes.
        seen: what readers saw while a fault was tried.
    """

    bench: Workbench
    votes: set[int] = field(default_factory=set)
    seconds: float = 0.0
    seen: set[object] = field(default_factory=set)

    def deliver(self) -> Path:
        """One more raw file: three votes, an old one again, a rejected and a broken record."""
        first = len(self.votes) + 1
        new = [vote(number) for number in range(first, first + 3)]
        again = [vote(min(self.votes))] if self.votes else []
        lines = [json.dumps(one) for one in [*new, *again, vote(first, PostId="x")]]
        self.votes |= {first, first + 1, first + 2}
        text = "\n".join([*lines, "{broken"])
        return self.bench.write(f"{first:06}.jsonl", text.encode())

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Start a program on the workbench."""
        return subprocess.Popen(
            [str(Path(sys.executable).with_name(command[0])), *command[1:]],
            cwd=self.bench.project,
            env=self.bench.environment | {"PWD": str(self.bench.project)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def fails(self, *command: str, says: str) -> None:
        """A command that must end with a line that says what to do."""
        failed = self.bench.run(*(command or ("casebook", "build")), status=1)
        assert says in failed.stderr
        assert "Fix: " in failed.stderr
        assert "Traceback" not in failed.stderr
        assert not list(self.bench.root.glob("*_candidate*"))

    def processes(self) -> list[str]:
        """What runs with this workbench's warehouse."""
        mark = f"CASEBOOK_WAREHOUSE={self.bench.root}/".encode()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mark in (folder / "environ").read_bytes() and (folder / "exe").exists():
                    found.append((folder / "cmdline").read_text().replace("\0", " ")[:200])
        return found

    @contextlib.contextmanager
    def readers(self) -> Iterator[None]:
        """Look at the published file again and again."""
        stop = threading.Event()

        def look() -> None:
            while not stop.is_set():
                self.seen.add(state(self.bench.warehouse))
                time.sleep(0.05)

        thread = threading.Thread(target=look)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


# Where the tests run in the background, Ctrl-C would be ignored by what they start, too.
signal.signal(signal.SIGINT, signal.default_int_handler)


def state(warehouse: Path) -> tuple[int, int, int]:
    """Votes, how many of them are different ones, and how many the audit has."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return connection.execute(
            "select count(*), count(distinct vote_id), (select sum(kept) from audit.row_accounting)"
            " from blog_analysis.votes"
        ).fetchone()


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Ground:
    if not request.config.getoption("--faults"):
        pytest.skip("the long run: pytest tests/python/test_faults.py --faults 50")
    ground = Ground(Workbench(tmp_path_factory.mktemp("faults"), project_with("blog")))
    ground.deliver()
    ground.bench.casebook("build")
    ground.deliver()
    started = time.monotonic()
    ground.bench.casebook("build")
    ground.seconds = time.monotonic() - started
    ground.bench.dbt(*DBT_ALONE)
    return ground


# --- Killed and stopped, at any instant.


def ended_by(number: signal.Signals, status: int, *command: str) -> Fault:
    def fault(ground: Ground, chance: random.Random) -> None:
        process = ground.start(*(command or ("casebook", "build")))
        if not command:
            assert process.stderr.readline().startswith("raw files: ")
        time.sleep(chance.uniform(0, ground.seconds))
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
        assert process.returncode in (status, 0), said
        assert "Traceback" not in said
        if number == signal.SIGKILL:
            wait_until(lambda: not ground.processes())
            return
        assert ground.processes() == []
        assert not list(ground.bench.root.glob("*_candidate*"))
        assert process.returncode == 0 or said.splitlines()[-1] == "interrupted"

    return fault


def dbt_killed(ground: Ground, chance: random.Random) -> None:
    process = ground.start("casebook", "build")
    time.sleep(chance.uniform(0, ground.seconds))
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    for child in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(child), signal.SIGKILL)
    _, said = process.communicate(timeout=120)
    assert process.returncode in (0, 1)
    assert "Traceback" not in said


def wait_until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


# --- Beside others.


def beside(*command: str) -> Fault:
    def fault(ground: Ground, chance: random.Random) -> None:
        build = ground.start("casebook", "build")
        time.sleep(chance.uniform(0, ground.seconds))
        other = ground.start(*command)
        for process in (build, other):
            said = "".join(process.communicate(timeout=300))
            assert process.returncode in (0, 1, 2)
            if process.returncode:
                assert "another" in said or "lock" in said, said

    return fault


# --- No room, and things in the way.


def no_room(size: int) -> Fault:
    """Files may not become larger than so many bytes, as if the disk were full."""

    def fault(ground: Ground, chance: random.Random) -> None:
        process = ground.start("casebook", "build")
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, size))
        _, said = process.communicate(timeout=120)
        assert process.returncode == 1, said
        assert "the warehouse cannot be written" in said
        assert "Fix: " in said
        assert "Traceback" not in said
        assert not list(ground.bench.root.glob("*_candidate*"))

    return fault


def in_the_way(name: str, says: str) -> Fault:
    """A folder where a file is to be, or a file where a folder is to be."""

    def fault(ground: Ground, chance: random.Random) -> None:
        path = ground.bench.root / name
        away = path.with_name("away")
        was_there = path.exists()
        if was_there:
            path.rename(away)
        if was_there and away.is_dir():
            path.touch()
        else:
            path.mkdir()
            (path / "x").touch()
        try:
            ground.fails(says=says)
        finally:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
            if was_there:
                away.rename(path)

    return fault


# --- Damage.


def damaged(name: str, content: bytes | None, says: str) -> Fault:
    """A file is cut to its first half, or has other content: a build stops with what to do."""

    def fault(ground: Ground, chance: random.Random) -> None:
        paths = sorted(ground.bench.root.glob(name))
        path = chance.choice(paths) if paths else ground.bench.root / name
        before = path.read_bytes() if path.exists() else None
        path.write_bytes((before or b"")[: len(before or b"") // 2] if content is None else content)
        try:
            ground.fails(says=says)
        finally:
            path.unlink() if before is None else path.write_bytes(before)

    return fault


def litter(name: str, content: bytes) -> Fault:
    """Something is left over from a run of before: no build stops for it or takes it for good."""

    def fault(ground: Ground, chance: random.Random) -> None:
        path = ground.bench.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    return fault


# --- The raw folder and the lake.


def changed_while_read(change: Callable[[Path], object]) -> Fault:
    def fault(ground: Ground, chance: random.Random) -> None:
        load = ground.start("casebook", "load")
        time.sleep(chance.uniform(0, 1))
        before = sorted(ground.bench.raw.rglob("*.jsonl"))[-1]
        content = before.read_bytes()
        change(before)
        load.communicate(timeout=60)
        assert load.returncode in (0, 1)
        before.write_bytes(content)
        ground.bench.casebook("load", "--allow-shrink")

    return fault


def lake_rebuilt(ground: Ground, chance: random.Random) -> None:
    shutil.rmtree(ground.bench.lake)


def lake_copied(ground: Ground, chance: random.Random) -> None:
    other = ground.bench.root / "lake_copy"
    shutil.rmtree(other, ignore_errors=True)
    shutil.copytree(ground.bench.lake, other)
    shutil.rmtree(ground.bench.lake)
    other.rename(ground.bench.lake)


KILLED = {
    "sigkill": ended_by(signal.SIGKILL, -signal.SIGKILL),
    "sigterm": ended_by(signal.SIGTERM, 143),
    "ctrl_c": ended_by(signal.SIGINT, 130),
    "dbt_killed": dbt_killed,
    "bare_dbt_killed": ended_by(signal.SIGKILL, -signal.SIGKILL, "dbt", *DBT_ALONE),
}
OTHERS = {
    "two_builds": beside("casebook", "build"),
    "a_load": beside("casebook", "load"),
    "outliers": beside("casebook", "outliers"),
    "bare_dbt": beside("dbt", *DBT_ALONE),
    "no_room_for_the_copy": no_room(1 << 20),
    "no_room_for_the_build": no_room(5 << 20),
    "folder_for_lock": in_the_way("warehouse.db.lock", "the warehouse cannot be written"),
    "folder_for_ledger": in_the_way("lake/_ledger", "lake"),
    "file_for_raw": in_the_way("raw", "raw"),
    "cut_ledger_entry": damaged("lake/_ledger/**/~entry.json", None, "ledger entry"),
    "damaged_mark": damaged("lake/_lake.json", b"{", "_lake.json"),
    "cut_warehouse": damaged("warehouse.db", None, "the warehouse cannot be opened"),
    "empty_warehouse": damaged("warehouse.db", b"", "the warehouse cannot be opened"),
    "damaged_log": damaged("warehouse.db.wal", b"no log" * 99, "the warehouse cannot be opened"),
    "litter_candidate": litter("warehouse_candidate.db", b"half a file"),
    "litter_candidate_log": litter("warehouse_candidate.db.wal", b"half a log"),
    "litter_anew": litter("warehouse_candidate_anew.db", b"half a file"),
    "litter_results": litter("target/build/run_results.json", b"{"),
    "litter_parsed": litter("target/build/partial_parse.msgpack", b"x" * 99),
    "litter_in_lake": litter("lake/blog/votes/0.jsonl/half.parquet", b"PAR1"),
    "litter_workspace": litter("lake/_tmp/x/landed.parquet", b"PAR1"),
    "raw_vanishes": changed_while_read(Path.unlink),
    "raw_grows": changed_while_read(lambda path: path.write_bytes(path.read_bytes() + b"\n{}")),
    "raw_is_cut": changed_while_read(lambda path: path.write_bytes(path.read_bytes()[:99])),
    "lake_is_gone": lake_rebuilt,
    "lake_is_copied": lake_copied,
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each fault of its own once, and those at random instants as often as it takes."""
    count = metafunc.config.getoption("--faults")
    names = [*OTHERS]
    while len(names) < count:
        names += [*KILLED, *(OTHERS if len(names) > 100 else ())]
    if "fault" in metafunc.fixturenames:
        metafunc.parametrize("fault", [f"{name}-{n}" for n, name in enumerate(names)])


def test_after_a_fault_all_is_as_if_it_had_not_been(ground: Ground, fault: str) -> None:
    name = fault.split("-")[0]
    bench = ground.bench
    before = state(bench.warehouse)
    ground.seen.clear()
    ground.deliver()
    undisturbed = "warehouse" in name or name in ("damaged_log", "bare_dbt_killed", "bare_dbt")
    with contextlib.nullcontext() if undisturbed else ground.readers():
        (KILLED | OTHERS)[name](ground, random.Random(fault))
    number = len(ground.votes)
    after = (number, number, number)
    assert ground.seen <= {before, after}
    bench.casebook("build")
    assert state(bench.warehouse) == after
    assert {vote_id for (vote_id,) in bench.query("select vote_id from blog_analysis.votes")} == (
        ground.votes
    )
    files = len(list(bench.raw.rglob("*.jsonl")))
    assert bench.query(
        "select sum(records), sum(quarantined), sum(rejected), sum(duplicate) + sum(superseded)"
        " from audit.row_accounting"
    ) == [(6 * files - 1, files, files, files - 1)]
    assert sorted(path.name for path in bench.root.glob("warehouse*")) == [
        "warehouse.db",
        "warehouse.db.lock",
    ]
    assert ground.processes() == []


def test_the_warehouse_is_that_of_an_undisturbed_build(ground: Ground, tmp_path: Path) -> None:
    other = Workbench(tmp_path, ground.bench.project)
    shutil.copytree(ground.bench.raw, other.raw)
    other.casebook("build")
    assert other.blog_marts() == ground.bench.blog_marts()
