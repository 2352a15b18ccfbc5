"""Fetches, loads, replays and builds that are killed, starved, damaged, run beside others.

Each test is a fault; `--faults N` says how many are tried, 60 by default, and `--publishes N` how
many builds are published under the eyes of four readers, none by default. After each, what readers
saw was a complete build, nothing that was started goes on, nothing half written is left to be taken
for good, and the next run ends in the lake and the warehouse of an undisturbed one.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import resource
import select
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
from casebook.ask.warehouse import last_build
from casebook.lake.layout import Lake
from casebook.load.original import export_quarantine
from casebook.load.replay import replay
from casebook.load.run import load
from casebook.settings import Settings
from workbench import Workbench, project_with, vote

# The fewest models that show a vote that is lost or counted twice; no tests, and no other mart.
FEW = ("--select", "+votes", "+row_accounting", "rejected_rows", "--exclude-resource-type", "test")
BUILD = ("casebook", "build", *FEW)
DBT_ALONE = ("dbt", "build", *FEW, "--exclude-resource-type", "unit_test")
Fault = Callable[["Ground", random.Random], None]


@dataclass
class Ground:
    """A workbench with a published warehouse that is built upon, fault after fault.

    Attributes:
        bench: the workbench.
        votes: the votes that are delivered, and so to be published by the next build that is whole.
        corrected: broken records that were corrected by hand.
        build_seconds: how long an undisturbed build takes.
        load_seconds: how long an undisturbed load takes.
        seen: what readers saw while a fault was tried.
    """

    bench: Workbench
    votes: set[int] = field(default_factory=set)
    corrected: int = 0
    build_seconds: float = 0.0
    load_seconds: float = 0.0
    seen: set[object] = field(default_factory=set)

    @property
    def settings(self) -> Settings:
        bench = self.bench
        return Settings(bench.project, bench.raw, bench.lake, bench.warehouse)

    @property
    def newest(self) -> Path:
        """The raw file that was delivered last."""
        return max(self.bench.raw.rglob("*.jsonl"))

    def deliver(self) -> None:
        """One more raw file: three votes, an old one again, a rejected and a broken record."""
        first = len(self.votes) + 1
        new = [vote(number) for number in range(first, first + 3)]
        again = [vote(min(self.votes))] if self.votes else []
        lines = [json.dumps(one) for one in [*new, *again, vote(first, PostId="x")]]
        self.votes |= {first, first + 1, first + 2}
        text = "\n".join([*lines, "{broken"])
        self.bench.write(f"{first:06}.jsonl", text.encode())

    def expected(self) -> tuple[int, int, int, int]:
        """Records, quarantined, rejected, and those that are duplicates or superseded."""
        files = len(self.votes) // 3
        bad = files - self.corrected
        return 6 * files - 1, bad, files + self.corrected, files - 1

    def correct(self) -> Path:
        """A corrections file that makes a rejected record of the newest file's broken one."""
        path = self.bench.root / "corrections.jsonl"
        path.unlink(missing_ok=True)
        load(self.settings)
        export_quarantine(Lake(self.bench.lake), ["blog.votes"], path)
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        (line,) = (one for one in lines if one["source_file"].endswith(self.newest.name))
        line["text"] = json.dumps(vote(min(self.votes), PostId="x"))
        path.write_text(json.dumps(line) + "\n")
        self.corrected += 1
        return path

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Start a program on the workbench."""
        return subprocess.Popen(
            [str(Path(sys.executable).parent / command[0]), *command[1:]],
            cwd=self.bench.project,
            env=self.bench.environment
            | {"PWD": str(self.bench.project), "BLOG_VOTES_URL": f"{self.bench.root}/far/*.jsonl"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def fails(self, *command: str, says: str) -> None:
        """A command that must end with a line that says what to do."""
        failed = self.bench.run(*command, status=1)
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

    def check_lake(self) -> None:
        """The next load ends in the lake of an undisturbed one."""
        report = load(self.settings, allow_shrink=True)
        assert [result.entry.refusal for result in report.refused] == []
        lake = Lake(self.bench.lake)
        entries = lake.entries()
        records, quarantined, *_ = self.expected()
        assert sum(entry.records for entry in entries) == records
        assert sum(entry.landed for entry in entries) == records - quarantined
        assert [lake.why_damaged(entry) for entry in entries] == [None] * len(entries)
        files = [str(lake.root / f) for e in entries for f in [e.landed_file, *e.replayed_files]]
        landed = duckdb.execute("select Id::int from read_parquet(?)", [files]).fetchall()
        assert len(landed) == records - quarantined
        assert {vote_id for (vote_id,) in landed} == self.votes
        assert list((lake.root / "_tmp").iterdir()) == []

    def check_warehouse(self) -> None:
        """The next build ends in the warehouse of an undisturbed one."""
        self.bench.run(*BUILD)
        number = len(self.votes)
        assert state(self.bench.warehouse) == (number, number, number)
        assert set(self.bench.query("select vote_id from blog_analysis.votes")) == {
            (number,) for number in self.votes
        }
        assert self.bench.query(
            "select sum(records), sum(quarantined), sum(rejected), sum(duplicate) + sum(superseded)"
            " from audit.row_accounting"
        ) == [self.expected()]
        assert {path.name for path in self.bench.root.glob("warehouse*")} == {
            "warehouse.db",
            "warehouse.db.lock",
        }


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
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    ground = Ground(
        Workbench(tmp_path_factory.mktemp("faults"), project_with("blog"), starts_anew=True)
    )
    ground.deliver()
    ground.bench.run(*BUILD)
    ground.bench.run(*DBT_ALONE)
    for command, name in ((BUILD, "build_seconds"), (("casebook", "load"), "load_seconds")):
        ground.deliver()
        started = time.monotonic()
        ground.bench.run(*command)
        setattr(ground, name, time.monotonic() - started)
    return ground


# --- Killed and stopped, at any instant.


def ended_by(number: signal.Signals, *command: str) -> Fault:
    def fault(ground: Ground, chance: random.Random) -> None:
        again = ()
        if "replay" in command:
            again = ("--corrections", str(ground.correct()))
        process = ground.start(*command, *again)
        seconds = ground.build_seconds if "build" in command else ground.load_seconds
        if command[0] == "casebook":
            assert process.stderr.readline().startswith("raw files: ")
            seconds -= 0 if "build" in command else ground.load_seconds / 2
        end(ground, process, number, chance.uniform(0, seconds))
        if again:
            done = replay(ground.settings, corrections=Path(again[1]))
            assert done.exit_status == 0

    return fault


def end(
    ground: Ground, process: subprocess.Popen[str], number: signal.Signals, seconds: float
) -> None:
    """End a program after a while: with it ends what it started, and it says so in one line."""
    time.sleep(seconds)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    if number == signal.SIGKILL:
        assert process.returncode in (-number, 0), said
        wait_until(lambda: not ground.processes())
    else:
        assert process.returncode in (128 + number, 0), said
        assert "Traceback" not in said
        assert ground.processes() == []
        assert not list(ground.bench.root.glob("*_candidate*"))
        assert process.returncode == 0 or said.splitlines()[-1] == "interrupted"


def fetch_ended_by(number: signal.Signals) -> Fault:
    """What was delivered is fetched: it is not there, or whole, and the next fetch brings it."""

    def fault(ground: Ground, chance: random.Random) -> None:
        path, far = ground.newest, ground.bench.root / "far"
        far.mkdir(exist_ok=True)
        content = path.read_bytes()
        path.rename(far / path.name)
        end(ground, ground.start(*FETCH), number, chance.uniform(0, ground.load_seconds))
        assert not path.exists() or path.read_bytes() == content
        assert ground.start(*FETCH).wait() == 0
        assert path.read_bytes() == content
        assert {file.name for file in ground.bench.raw.rglob("*.*")} >= {path.name}
        assert not list((ground.bench.lake / "_fetch" / "blog").glob("*.jsonl"))

    return fault


def dbt_killed(ground: Ground, chance: random.Random) -> None:
    process = ground.start(*BUILD)
    time.sleep(chance.uniform(0, ground.build_seconds))
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


def beside(first: tuple[str, ...], *second: str) -> Fault:
    def fault(ground: Ground, chance: random.Random) -> None:
        one = ground.start(*first)
        seconds = ground.build_seconds if "build" in first else ground.load_seconds
        time.sleep(chance.uniform(0, seconds))
        other = ground.start(*second)
        for process in (one, other):
            said = "".join(process.communicate(timeout=300))
            assert process.returncode in (0, 1, 2)
            if process.returncode:
                assert "another" in said or "lock" in said, said

    return fault


# --- No room, and things in the way.


def no_room(size: int, says: str, *command: str) -> Fault:
    """Files may not become larger than so many bytes, as if the disk were full."""

    def fault(ground: Ground, chance: random.Random) -> None:
        process = ground.start(*command)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, size))
        _, said = process.communicate(timeout=120)
        assert process.returncode == 1, said
        assert says in said
        assert "Fix: " in said
        assert "Traceback" not in said
        assert not list(ground.bench.root.glob("*_candidate*"))

    return fault


def on_a_disk(
    name: str, says: str, *command: str, room: int | None = None, status: int = 1
) -> Fault:
    """A folder is on a disk of its own, with so many KiB left on it, or that is read-only.

    The disk is there for the command alone; what it leaves on it is what stays.
    """

    def fault(ground: Ground, chance: random.Random) -> None:
        if subprocess.run(["unshare", "-rm", "true"], check=False).returncode:
            pytest.skip("no disk can be mounted here")
        place, disk = ground.bench.root / name, ground.bench.root.parent / "disk"
        place.mkdir(exist_ok=True)
        disk.mkdir(exist_ok=True)
        used = sum(4 + path.stat().st_size // 1024 for path in place.rglob("*"))
        size = used + chance.randrange(room or 1)
        mount = f"mount --bind {place} {place} && mount -o remount,bind,ro {place}"
        leave = "true"
        if room:
            mount = f"mount -t tmpfs -o size={size}k disk {disk} && cp -a {place}/. {disk}"
            mount += f" && mount --bind {disk} {place}"
            leave = f"umount {place} && find {place} -mindepth 1 -delete && cp -a {disk}/. {place}"
        script = f'{mount} && {{ "$@"; status=$?; {leave} && exit $status; }}'
        program = str(Path(sys.executable).with_name(command[0]))
        within = ("/usr/bin/unshare", "-rm", "sh", "-c", script, "sh")
        process = ground.start(*within, program, *command[1:])
        _, said = process.communicate(timeout=300)
        assert process.returncode in ((status, 0) if room else (status,)), said
        assert "Traceback" not in said
        if process.returncode:
            assert says in said and "Fix: " in said, said
        assert not list(ground.bench.root.glob("*_candidate*"))

    return fault


def in_the_way(name: str, says: str, *command: str) -> Fault:
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
            ground.fails(*command, says=says)
        finally:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
            if was_there:
                away.rename(path)

    return fault


# --- Damage.


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def holds(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


def damaged(
    name: str, damage: Callable[[Path], object], says: str, *command: str, mends: bool = False
) -> Fault:
    """A file is damaged: the command stops with what to do, or says so and mends it by itself."""

    def fault(ground: Ground, chance: random.Random) -> None:
        load(ground.settings)
        paths = sorted(ground.bench.root.glob(name))
        if name in ("landed_file", "rejected_file"):
            files = [getattr(entry, name) for entry in Lake(ground.bench.lake).entries()]
            paths = [ground.bench.lake / file for file in files if file]
        path = chance.choice(paths) if paths else ground.bench.root / name
        before = path.read_bytes() if path.exists() else None
        damage(path)
        if mends:
            assert says in ground.bench.run(*command).stdout
            return
        try:
            ground.fails(*command, says=says)
        finally:
            path.unlink() if before is None else path.write_bytes(before)

    return fault


def litter(**left: tuple[str, bytes]) -> Fault:
    """Things are left over from runs of before: no run stops for them or takes them for good."""

    def fault(ground: Ground, chance: random.Random) -> None:
        for name, content in left.values():
            path = ground.bench.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    return fault


def cut_log(ground: Ground, chance: random.Random) -> None:
    """The log that a `dbt build` left which was killed: it is taken in as far as it goes."""
    code = (
        f"import duckdb, os; connection = duckdb.connect({str(ground.bench.warehouse)!r});"
        " connection.execute('create table left_over as select uuid() from range(9)'); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code], check=False)
    log = ground.bench.root / "warehouse.db.wal"
    cut(log)
    process = ground.start(*BUILD)
    _, said = process.communicate(timeout=300)
    assert "Traceback" not in said
    if process.returncode:
        assert CANNOT in said and "Fix: " in said
        log.unlink()


# --- The raw folder and the lake.


def changed_while_read(change: Callable[[Path], object]) -> Fault:
    def fault(ground: Ground, chance: random.Random) -> None:
        process = ground.start("casebook", "load")
        time.sleep(chance.uniform(0, ground.load_seconds))
        path = ground.newest
        content = path.read_bytes()
        change(path)
        process.communicate(timeout=60)
        assert process.returncode in (0, 1)
        path.write_bytes(content)

    return fault


def lake_rebuilt(ground: Ground, chance: random.Random) -> None:
    shutil.rmtree(ground.bench.lake)
    ground.corrected = 0


def clock_set(years: int) -> Fault:
    """All that was written down was written by a clock that has been put back or forward since."""

    def fault(ground: Ground, chance: random.Random) -> None:
        for path in ground.bench.lake.rglob("~entry.json"):
            entry = json.loads(path.read_text())
            if entry["loaded_at"]:
                year = int(entry["loaded_at"][:4]) + years
                entry["loaded_at"] = f"{year}{entry['loaded_at'][4:]}"
                path.write_text(json.dumps(entry))
        for path in ground.bench.raw.rglob("*.jsonl"):
            then = time.time() + years * 366 * 86400
            os.utime(path, (then, then))
        with duckdb.connect(str(ground.bench.warehouse)) as connection:
            later = f"started_at + interval '{years} years'"
            connection.execute(f"update audit.builds set started_at = {later}")
        ground.bench.run(*BUILD)
        with duckdb.connect(str(ground.bench.warehouse), read_only=True) as connection:
            assert last_build(connection)[1]["blog_analysis.votes"] == len(ground.votes)
            assert connection.execute(
                "select distinct build_number = (select max(build_number) from audit.builds)"
                " from audit.row_accounting"
            ).fetchall() == [(True,)]

    return fault


def lake_copied(ground: Ground, chance: random.Random) -> None:
    other = ground.bench.root / "lake_copy"
    shutil.copytree(ground.bench.lake, other)
    shutil.rmtree(ground.bench.lake)
    other.rename(ground.bench.lake)


FETCH, LOAD, VERIFY, REPLAY = (
    ("casebook", "fetch", "blog"),
    ("casebook", "load"),
    ("casebook", "load", "--verify"),
    ("casebook", "replay"),
)
ENTRY, LANDED = "lake/_ledger/**/~entry.json", "landed_file"
CANNOT = "the warehouse cannot be opened"
# Of a load or a replay: a second or two each.
KILLED_LOADS = {
    "load_sigkill": ended_by(signal.SIGKILL, *LOAD),
    "load_sigterm": ended_by(signal.SIGTERM, *LOAD),
    "load_ctrl_c": ended_by(signal.SIGINT, *LOAD),
    "replay_sigkill": ended_by(signal.SIGKILL, *REPLAY),
    "replay_sigterm": ended_by(signal.SIGTERM, *REPLAY),
    "replay_ctrl_c": ended_by(signal.SIGINT, *REPLAY),
    "fetch_sigkill": fetch_ended_by(signal.SIGKILL),
    "fetch_sigterm": fetch_ended_by(signal.SIGTERM),
    "fetch_ctrl_c": fetch_ended_by(signal.SIGINT),
}
LOADS = KILLED_LOADS | {
    "two_loads": beside(LOAD, *LOAD),
    "load_beside_verify": beside(VERIFY, *LOAD),
    "load_beside_replay": beside(LOAD, *REPLAY),
    "no_room_for_the_lake": no_room(900, "the lake cannot be written", *LOAD),
    "full_disk_of_the_lake": on_a_disk("lake", "the lake cannot", *LOAD, room=16),
    "read_only_lake": on_a_disk("lake", "the lake cannot", *LOAD),
    "read_only_raw": on_a_disk("raw", "", *LOAD, status=0),
    "file_for_ledger": in_the_way("lake/_ledger", "lake", *LOAD),
    "file_for_temporary": in_the_way("lake/_tmp", "lake", *LOAD),
    "folder_for_lock_of_lake": in_the_way("lake/_locks", "lake", *LOAD),
    "file_for_lake": in_the_way("lake", "lake", *LOAD),
    "file_for_raw": in_the_way("raw", "raw", *LOAD),
    "cut_entry": damaged(ENTRY, cut, "landed again: ", *LOAD, mends=True),
    "empty_entry": damaged(ENTRY, holds(b""), "landed again: ", *LOAD, mends=True),
    "other_entry": damaged(ENTRY, holds(b"[]"), "landed again: ", *LOAD, mends=True),
    "flipped_landed_file": damaged(LANDED, flip, "landed again: ", *VERIFY, mends=True),
    "cut_landed_file": damaged(LANDED, cut, "landed again: ", *VERIFY, mends=True),
    "no_landed_file": damaged(LANDED, Path.unlink, "landed again: ", *LOAD, mends=True),
    "cut_quarantine": damaged("rejected_file", cut, "landed again: ", *VERIFY, mends=True),
    "damaged_mark": damaged("lake/_lake.json", holds(b"{"), "_lake.json", *LOAD),
    "empty_mark": damaged("lake/_lake.json", holds(b""), "_lake.json", *LOAD),
    "litter_in_lake": litter(
        landed=("lake/blog/votes/0.jsonl/half.parquet", b"PAR1"),
        workspace=("lake/_tmp/x/landed.parquet", b"PAR1"),
    ),
    "raw_vanishes": changed_while_read(Path.unlink),
    "raw_grows": changed_while_read(lambda path: path.write_bytes(path.read_bytes() + b"\n{}")),
    "raw_is_cut": changed_while_read(cut),
    "raw_is_replaced": changed_while_read(holds(b'{"Id": "1"}\n' * 99)),
    "lake_is_gone": lake_rebuilt,
    "lake_is_copied": lake_copied,
}
# Of a build, which goes on to the next fault as it is: nothing of it has changed.
STOPPED_BUILDS = {
    "folder_for_lock": in_the_way("warehouse.db.lock", "the warehouse cannot be written", *BUILD),
    "cut_warehouse": damaged("warehouse.db", cut, CANNOT, *BUILD),
    "empty_warehouse": damaged("warehouse.db", holds(b""), CANNOT, *BUILD),
}
# Of a build: as long as one or two builds each.
BUILDS = {
    "sigkill": ended_by(signal.SIGKILL, *BUILD),
    "sigterm": ended_by(signal.SIGTERM, *BUILD),
    "ctrl_c": ended_by(signal.SIGINT, *BUILD),
    "dbt_killed": dbt_killed,
    "bare_dbt_killed": ended_by(signal.SIGKILL, *DBT_ALONE),
    "two_builds": beside(BUILD, *BUILD),
    "a_load": beside(BUILD, *LOAD),
    "outliers": beside(BUILD, "casebook", "outliers"),
    "bare_dbt": beside(BUILD, *DBT_ALONE),
    "no_room_for_the_copy": no_room(1 << 20, "the warehouse cannot be written", *BUILD),
    "no_room_for_the_build": no_room(5 << 20, "the warehouse cannot be written", *BUILD),
    "clock_put_back": clock_set(1),
    "clock_put_forward": clock_set(-1),
    "cut_log": cut_log,
    "litter_of_builds": litter(
        log=("warehouse.db.wal", b"no log" * 99),
        candidate=("warehouse_candidate.db", b"half a file"),
        candidate_log=("warehouse_candidate.db.wal", b"half a log"),
        anew=("warehouse_candidate_anew.db", b"half a file"),
        results=("target/build/run_results.json", b"{"),
        parsed=("target/build/partial_parse.msgpack", b"x" * 99),
    ),
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each fault once, and those at random instants as often as it takes."""
    count = metafunc.config.getoption("--faults")
    every = [*LOADS, *STOPPED_BUILDS, *BUILDS]
    more = itertools.cycle(KILLED_LOADS if count <= 100 else every)
    names = [*every, *itertools.islice(more, max(0, count - len(every)))]
    if "fault" in metafunc.fixturenames:
        metafunc.parametrize("fault", [f"{name}-{n}" for n, name in enumerate(names[:count])])


def test_after_a_fault_all_is_as_if_it_had_not_been(ground: Ground, fault: str) -> None:
    name, chance = fault.split("-")[0], random.Random(fault)
    before = state(ground.bench.warehouse)
    ground.seen.clear()
    ground.deliver()
    undisturbed = {
        *LOADS,
        "cut_warehouse",
        "empty_warehouse",
        "cut_log",
        "bare_dbt_killed",
        "bare_dbt",
    }
    undisturbed |= {"clock_put_back", "clock_put_forward"}
    with contextlib.nullcontext() if name in undisturbed else ground.readers():
        (LOADS | STOPPED_BUILDS | BUILDS)[name](ground, chance)
    number = len(ground.votes)
    assert ground.seen <= {before, (number, number, number)}
    assert name in BUILDS or state(ground.bench.warehouse) == before
    ground.check_lake()
    if name in BUILDS:
        ground.check_warehouse()
    assert ground.processes() == []


def read_until_told(warehouse: str) -> None:
    """A reader: print how often it read, and what it saw one after the other."""
    reads, seen = 0, []
    while not select.select([sys.stdin], [], [], 0.02)[0]:
        reads, now = reads + 1, state(Path(warehouse))
        seen += [now] if now not in seen[-1:] else []
    print(json.dumps([reads, seen]))


def test_readers_see_one_whole_build_after_the_other(
    ground: Ground, pytestconfig: pytest.Config
) -> None:
    publishes = pytestconfig.getoption("--publishes")
    if not publishes:
        pytest.skip("for the long run: --publishes 200")
    code = f"import test_faults; test_faults.read_until_told({str(ground.bench.warehouse)!r})"
    command = [sys.executable, "-c", code]
    folder, pipe = Path(__file__).parent, subprocess.PIPE
    readers = [
        subprocess.Popen(command, cwd=folder, stdin=pipe, stdout=pipe, text=True) for _ in range(4)
    ]
    published = [state(ground.bench.warehouse)]
    for _ in range(publishes):
        ground.deliver()
        ground.bench.run(*BUILD)
        published.append(state(ground.bench.warehouse))
    reads = 0
    for reader in readers:
        count, seen = json.loads(reader.communicate("\n")[0])
        reads += count
        places = [published.index(tuple(one)) for one in seen]
        assert places == sorted(places)
    print(f"{reads} reads during {publishes} publishes")
    assert published == [(number,) * 3 for number, *_ in published]
    assert reads >= 100 * publishes


def test_the_warehouse_is_that_of_an_undisturbed_build(ground: Ground, tmp_path: Path) -> None:
    ground.bench.casebook("build")
    other = Workbench(tmp_path, ground.bench.project)
    shutil.copytree(ground.bench.raw, other.raw)
    other.casebook("build")
    mine, theirs = ground.bench.blog_marts(), other.blog_marts()
    for name in ("votes", "weekly_votes", "outlier_weeks", *(() if ground.corrected else mine)):
        assert mine[name] == theirs[name]
