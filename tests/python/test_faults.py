"""Fetches, loads, replays, builds and reports that are killed, starved, damaged, run beside others.

Each test is a fault; `--faults N` says how many are tried, 62 by default, and `--publishes N` how
many builds are published under the eyes of four readers, none by default. After each, what readers
saw was a complete build, nothing that was started goes on, nothing half written is left to be taken
for good, and the next run ends in the lake and the warehouse of an undisturbed one. The first
faults are tried on votes, of which each is counted; those above 100 on the samples of all cases.
"""

from __future__ import annotations

import contextlib
import functools
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
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb
import pytest
from casebook.ask.warehouse import last_build
from casebook.lake.layout import Lake
from casebook.load.original import export_quarantine
from casebook.load.replay import replay
from casebook.load.run import load
from casebook.settings import Settings
from workbench import PROJECT, UNTESTED, Workbench, catches, project_with, vote

# The marts of each case that are built with the audit, without tests: few, so that it is soon done,
# and such that they show a record that is lost or counted twice.
MARTS = {
    "blog": ("+outlier_weeks",),
    "courses": ("+ratings",),
    "film_store": ("+film_ratings",),
    "movies": ("+movies",),
    "music_store": ("+tracks",),
    "storefront": ("+product_views", "+purchases"),
}
AUDIT = ("+row_accounting", "rejected_rows", "loaded_files")
BUILD, DBT_ALONE = ("casebook", "build"), ("dbt", "build")
# Columns that are the same whenever, and however often, it was loaded and built.
LASTING = "name -> name not in ('loaded_at', '_loaded_at', 'build_number', 'landed_file', 'state')"
Fault = Callable[["Ground", random.Random], None]


@dataclass
class Ground:
    """A workbench with a published warehouse that is built upon, fault after fault.

    Attributes:
        bench: the workbench.
        case: the case that is delivered.
        votes: the votes that are delivered, and so to be published by the next build that is whole.
        corrected: broken records that were corrected by hand.
        build_seconds: how long an undisturbed build takes.
        load_seconds: how long an undisturbed load takes.
        seen: what readers saw while a fault was tried.
    """

    bench: Workbench
    case: str = "blog"
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

    def full(self, command: tuple[str, ...]) -> list[str]:
        """A command; a build with its selection."""
        few = ["--select", *MARTS[self.case], *AUDIT, *UNTESTED] if "build" in command else []
        return [*command, *few]

    def start(self, *command: str, within: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        """Start a program on the workbench."""
        program, *arguments = self.full(command)
        return subprocess.Popen(
            [*within, str(Path(sys.executable).with_name(program)), *arguments],
            cwd=self.bench.project,
            env=self.bench.environment
            | {"PWD": str(self.bench.project), "BLOG_VOTES_URL": f"{self.bench.root}/far/*.jsonl"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, command: tuple[str, ...]) -> None:
        """Run a command that no fault is tried on: forked, as that is sooner done."""
        Workbench(self.bench.root, self.bench.project).run(*self.full(command))

    def fails(self, *command: str, says: str) -> None:
        """A command that must end with a line that says what to do."""
        failed = self.bench.run(*self.full(command), status=1)
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
                self.seen.add(self.state())
                time.sleep(0.05)

        thread = threading.Thread(target=look)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def state(self, warehouse: Path | None = None) -> tuple[object, ...]:
        """What readers see of a warehouse, and what is the same whenever it was built."""
        return state(warehouse or self.bench.warehouse)

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
        self.run(BUILD)
        number = len(self.votes)
        assert self.state() == (number, number, number)
        assert set(self.bench.query("select vote_id from blog_analysis.votes")) == {
            (number,) for number in self.votes
        }
        assert self.bench.query(
            "select sum(records), sum(quarantined), sum(rejected), sum(duplicate) + sum(superseded)"
            " from audit.row_accounting"
        ) == [self.expected()]
        self.check_nothing_is_left()

    def check_nothing_is_left(self) -> None:
        assert {path.name for path in self.bench.root.glob("warehouse*")} == {
            "warehouse.db",
            "warehouse.db.lock",
        }


@dataclass
class Sample(Ground):
    """A case whose sample is delivered in steps, then again under other names.

    Attributes:
        twin: has the same raw files, and a lake and a warehouse that no fault is tried on.
        steps: how many raw files were delivered.
        last: the last one.
    """

    twin: Workbench = field(init=False)
    steps: int = 0
    last: Path = field(init=False)

    def __post_init__(self) -> None:
        self.twin = Workbench(self.bench.root / "twin", self.bench.project)
        self.twin.raw = self.bench.raw
        for _ in range(len(self.files) // 2):
            self.deliver()

    @functools.cached_property
    def files(self) -> list[Path]:
        files = sorted(path for path in (PROJECT / "sample" / self.case).rglob("*.*"))
        random.Random(self.case).shuffle(files)
        return files

    @property
    def newest(self) -> Path:
        return self.last

    def deliver(self) -> None:
        again, place = divmod(self.steps, len(self.files))
        path = self.bench.raw / self.files[place].relative_to(PROJECT / "sample")
        self.last = path.with_name(f"{again}_{path.name}" if again else path.name)
        self.last.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.files[place], self.last)
        self.steps += 1

    def correct(self) -> None:
        """None of its records is corrected: a replay tries them all, and leaves them."""
        load(self.settings)

    def state(self, warehouse: Path | None = None) -> tuple[object, ...]:
        with duckdb.connect(str(warehouse or self.bench.warehouse), read_only=True) as connection:
            tables = connection.execute(
                "select schema_name || '.' || table_name from duckdb_tables()"
                " where schema_name not in ('main', 'raw_lake') and table_name <> 'builds'"
                " order by all"
            ).fetchall()
            return tuple((name, *contents(connection, name)) for (name,) in tables)

    def check_lake(self) -> None:
        found: list[object] = []
        for bench in (self.bench, self.twin):
            load(replace(self.settings, lake_place=bench.lake), allow_shrink=True)
            lake = Lake(bench.lake)
            entries = lake.entries()
            assert [lake.why_damaged(entry) for entry in entries] == [None] * len(entries)
            found.append([(e.source_file, e.refusal, rows_in(lake, e.files)) for e in entries])
            assert list((lake.root / "_tmp").iterdir()) == []
        assert found[0] == found[1]

    def check_warehouse(self) -> None:
        self.run(BUILD)
        self.twin.run(*self.full(BUILD))
        assert self.state() == self.state(self.twin.warehouse)
        self.check_nothing_is_left()


def contents(connection: duckdb.DuckDBPyConnection, table: str) -> tuple[int, int]:
    """How many rows there are, and what they hold, in any order."""
    return connection.execute(
        f"select count(*), sum(hash(row)) from (select columns({LASTING}) from {table}) as row"
    ).fetchone()


def rows_in(lake: Lake, files: list[str]) -> list[tuple[int, int]]:
    return [contents(duckdb.default_connection(), f"'{lake.root / name}'") for name in files]


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
def grounds(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Ground]:
    """The votes, or a case, built once."""

    @functools.cache
    def made(name: str) -> Ground:
        case = "blog" if name == "votes" else name
        root = tmp_path_factory.mktemp(name)
        bench = Workbench(root, project_with(case), starts_anew=True)
        ground = (Ground if name == "votes" else Sample)(bench, case)
        ground.deliver()
        ground.run(BUILD)
        ground.run(DBT_ALONE)
        for command, name in ((BUILD, "build_seconds"), (("casebook", "load"), "load_seconds")):
            ground.deliver()
            started = time.monotonic()
            ground.bench.run(*ground.full(command))
            setattr(ground, name, time.monotonic() - started)
        return ground

    return made


@pytest.fixture(scope="module")
def ground(grounds: Callable[[str], Ground]) -> Ground:
    return grounds("votes")


# --- Killed and stopped, at any instant.


def ended_by(number: signal.Signals, *command: str) -> Fault:
    def fault(ground: Ground, chance: random.Random) -> None:
        again = ()
        if "replay" in command and (path := ground.correct()):
            again = ("--corrections", str(path))
        process = ground.start(*command, *again)
        seconds = ground.build_seconds if "build" in command else ground.load_seconds
        if command[0] == "casebook":
            assert process.stderr.readline().startswith("raw files: ")
            seconds -= 0 if "build" in command else ground.load_seconds / 2
        end(ground, process, number, chance.uniform(0, seconds))
        if again:
            assert replay(ground.settings, corrections=Path(again[1])).exit_status == 0

    return fault


def end(
    ground: Ground, process: subprocess.Popen[str], number: signal.Signals, seconds: float
) -> None:
    """End a program after a while: with it ends what it started, and it says so in one line."""
    if number != signal.SIGKILL:
        wait_until(lambda: process.poll() is not None or catches(process.pid, signal.SIGTERM))
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


def report_ended_by(number: signal.Signals) -> Fault:
    """A page is that of before, or whole; nothing of the warehouse is left beside it."""

    def fault(ground: Ground, chance: random.Random) -> None:
        site = ground.bench.root / "site"
        report = ground.start("casebook", "report", "--no-catalogue", "-q", "--to", str(site))
        end(ground, report, number, chance.uniform(0, 1.5 * ground.build_seconds))
        pages = list(site.glob("[!.]*"))
        assert all(page.read_text().rstrip().endswith("</html>") for page in pages)
        if number != signal.SIGKILL:
            assert list(site.glob("*")) == pages
            assert not list(ground.bench.project.rglob("site_work/*.db"))

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
        time.sleep(0.02)


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


def two_warehouses(ground: Ground, chance: random.Random) -> None:
    """Both are built, whichever comes first: they share the lake and dbt's target folder."""
    other = ground.bench.root / "other" / "warehouse.db"
    one = ground.start(*BUILD)
    time.sleep(chance.uniform(0, ground.build_seconds))
    two = ground.start(*BUILD, "--warehouse", str(other))
    for process in (one, two):
        said = "".join(process.communicate(timeout=300))
        assert process.returncode == 0, said
    assert ground.state(other) == ground.state()
    shutil.rmtree(other.parent)


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
        within = ("unshare", "-rm", "sh", "-c", script, "sh")
        process = ground.start(*(part.format(place=place) for part in command), within=within)
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
        ground.run(BUILD)
        with duckdb.connect(str(ground.bench.warehouse), read_only=True) as connection:
            for mart, rows in last_build(connection)[1].items():
                assert connection.execute(f"select count(*) from {mart}").fetchone() == (rows,)
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
    "read_only_warehouse": on_a_disk(
        "apart", "the warehouse cannot", *BUILD, "--warehouse", "{place}/warehouse.db"
    ),
    "read_only_target": on_a_disk("target", "cannot be written", *BUILD),
    "report_sigkill": report_ended_by(signal.SIGKILL),
    "report_sigterm": report_ended_by(signal.SIGTERM),
    "report_ctrl_c": report_ended_by(signal.SIGINT),
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
    "full_disk": on_a_disk(".", "cannot be written", *BUILD, room=12_000),
    "two_warehouses": two_warehouses,
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


FAULTS = LOADS | STOPPED_BUILDS | BUILDS
# They need what only the blog has: an address to fetch from, all marts of the report, outliers.
OF_VOTES = {name for name in FAULTS if name.startswith(("fetch_", "report_", "outliers"))}
# They have no reader: they write the published file itself, or it cannot be read.
UNREAD = {"cut_warehouse", "empty_warehouse", "cut_log", "bare_dbt_killed", "bare_dbt"}
UNREAD |= {"clock_put_back", "clock_put_forward", "full_disk", *LOADS}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each fault once, and those at random instants as often as it takes; then on each case."""
    if "fault" in metafunc.fixturenames:
        count = metafunc.config.getoption("--faults")
        first = [("votes", name) for name in FAULTS]
        more = itertools.cycle(("votes", name) for name in KILLED_LOADS)
        first += itertools.islice(more, 100 - len(first))
        cases = [(case, name) for name in FAULTS if name not in OF_VOTES for case in MARTS]
        tried = itertools.islice(itertools.chain(first, itertools.cycle(cases)), count)
        ids = [f"{name}-{case}-{number}" for number, (case, name) in enumerate(tried)]
        metafunc.parametrize("fault", ids)


def test_after_a_fault_all_is_as_if_it_had_not_been(
    grounds: Callable[[str], Ground], fault: str
) -> None:
    name, place, _ = fault.split("-")
    ground, chance = grounds(place), random.Random(fault)
    before = ground.state()
    ground.seen.clear()
    ground.deliver()
    with contextlib.nullcontext() if name in UNREAD else ground.readers():
        FAULTS[name](ground, chance)
    assert name in BUILDS or ground.state() == before
    ground.check_lake()
    if name in BUILDS:
        ground.check_warehouse()
    assert ground.seen <= {before, ground.state()}
    assert ground.processes() == []


def test_ctrl_c_while_the_program_starts_prints_no_traceback(tmp_path: Path) -> None:
    process = Ground(Workbench(tmp_path)).start("casebook", "load")
    # Python ignores SIGPIPE and catches SIGINT from its first steps on.
    wait_until(lambda: catches(process.pid, signal.SIGPIPE, "SigIgn"))
    wait_until(lambda: not catches(process.pid, signal.SIGINT))
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert (process.returncode, said) in [(-signal.SIGINT, ""), (130, "interrupted\n")]


def test_ctrl_c_in_a_callback_of_pythons_prints_no_traceback() -> None:
    code = """if True:
        import os, signal, time, weakref
        from casebook.cli import main as cli

        def app():
            one = type("One", (), {})()
            reference = weakref.ref(one, lambda _: os.kill(os.getpid(), signal.SIGINT))
            del one  # the exit is lost here
            time.sleep(60)

        cli.SECONDS_TO_END, cli.app = 0.5, app
        cli.main()
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "interrupted\n")


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
        ground.run(BUILD)
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
    other.casebook("build", *UNTESTED)
    mine, theirs = ground.bench.blog_marts(), other.blog_marts()
    for name in ("votes", "weekly_votes", "outlier_weeks", *(() if ground.corrected else mine)):
        assert mine[name] == theirs[name]
    # However often it was built.
    assert ground.bench.warehouse.stat().st_size <= 1.3 * other.warehouse.stat().st_size


def test_the_sample_is_as_small_after_20_builds(
    tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    if not pytestconfig.getoption("--publishes"):
        pytest.skip("for the long run: --publishes 200")
    bench, sizes = Workbench(tmp_path, project_with(*MARTS)), []
    bench.raw = PROJECT / "sample"
    for _ in range(20):
        bench.casebook("build", "--force", *UNTESTED)
        sizes.append(bench.warehouse.stat().st_size)
    print(f"{sizes[0]:,} bytes, after 20 builds {sizes[-1]:,}, at most {max(sizes):,}")
    assert max(sizes) <= 1.3 * sizes[0]
