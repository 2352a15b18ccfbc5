"""A combine that is killed, or that loses a process that reads for it."""

from __future__ import annotations

import gzip
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread

import pytest
from casebook.combine.run import combine
from combining import Kitchen

COMBINE = """
import os, signal, sys
from pathlib import Path
from casebook.combine.run import combine
{patch}
print("ready", flush=True)
combine(Path(sys.argv[1]), Path(sys.argv[2]), skip_bad=True, workers=2)
"""
KILLS = 12


@pytest.fixture
def kitchen(tmp_path: Path) -> Kitchen:
    return Kitchen(tmp_path)


def start(kitchen: Kitchen, patch: str = "") -> subprocess.Popen[str]:
    """A combine in a process of its own, about to begin."""
    code = COMBINE.replace("{patch}", patch)
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(kitchen.raw), str(kitchen.out)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    return process


def fill(kitchen: Kitchen, round_: int) -> None:
    for subfolder in range(6):
        rows = "".join(f"{n},{n * round_},x\n" for n in range(8_000))
        kitchen.write(f"{subfolder}/a.csv", f"a,b,c\n{rows}1,2\n")
        kitchen.write(f"{subfolder}/b.jsonl", f'{{"round": {round_}}}\n' * 8_000)


def test_whenever_it_is_killed_each_output_is_whole_and_the_next_run_completes_them(
    kitchen,
) -> None:
    whole: dict[int, dict[str, bytes]] = {}
    seconds = 0.0
    for round_ in (1, 2):
        fill(kitchen, round_)
        started = time.perf_counter()
        assert start(kitchen).wait() == 0
        seconds = time.perf_counter() - started
        whole[round_] = kitchen.outputs()
    chance = random.Random(7)
    interrupted = 0
    for attempt in range(KILLS):
        round_ = 1 + attempt % 2
        fill(kitchen, round_)
        process = start(kitchen)
        time.sleep(seconds * chance.uniform(0, 1))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        outputs = kitchen.outputs()
        interrupted += outputs != whole[round_]
        assert set(outputs) == set(whole[round_])
        for name, content in outputs.items():
            assert content in (whole[1][name], whole[2][name])
        if attempt % 4 == 3:
            assert start(kitchen).wait() == 0
            assert kitchen.outputs() == whole[round_]
    assert interrupted > KILLS / 3


KILL = "os.kill(os.getpid(), signal.SIGKILL)"
STEPS = {
    "an output is half written": f"""
import casebook.combine.outputs as module
join = module._join
module._join = lambda *arguments: (join(*arguments), {KILL})
""",
    "the outputs are published": f"""
import casebook.combine.outputs as module
module.remove_others = lambda *arguments: {KILL}
""",
}


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_a_step_it_leaves_whole_outputs_that_the_next_run_knows(kitchen, step) -> None:
    kitchen.write("one/a.csv", "a,b\n1,2\n")
    kitchen.write("two/a.csv", "a,b\n3,4\n5\n")
    assert start(kitchen, STEPS[step]).wait() == -signal.SIGKILL
    published = set(kitchen.outputs())
    assert published in (set(), {"one.json.gz", "two.json.gz", "two.rejected.jsonl"})
    assert bool(published) == (step == "the outputs are published")
    for name in published & {"one.json.gz", "two.json.gz"}:
        assert gzip.decompress((kitchen.out / name).read_bytes()).endswith(b"}\n")
    report = kitchen.combine(skip_bad=True)
    assert [str(failure) for failure in report.failures] == []
    before = kitchen.outputs()
    kitchen.write("one/a.csv", "a,b\n6,7\n")
    assert start(kitchen, STEPS["an output is half written"]).wait() == -signal.SIGKILL
    assert kitchen.outputs() == before


def test_what_it_has_started_ends_with_it(kitchen) -> None:
    kitchen.write("one/a.csv", "a,b\n" + "1,2\n" * 3_000_000)
    process = start(kitchen)
    children = wait_for_children(process.pid)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    until = time.monotonic() + 30
    while any(map(runs, children)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(map(runs, children))


def children_of(pid: int) -> set[int]:
    listed = list(Path(f"/proc/{pid}/task").glob("*/children"))
    if not listed:
        pytest.skip("needs /proc")
    return {int(child) for thread in listed for child in thread.read_text().split()}


def wait_for_children(pid: int, others: set[int] | None = None) -> set[int]:
    until = time.monotonic() + 30
    while not (children := children_of(pid) - (others or set())) and time.monotonic() < until:
        time.sleep(0.01)
    assert children
    return children


def runs(pid: int) -> bool:
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def test_a_file_whose_reader_dies_fails_and_the_others_do_not(kitchen) -> None:
    kitchen.write("one/a.csv", "a,b\n" + "1,2\n" * 3_000_000)
    for name in ("two", "three"):
        kitchen.write(f"{name}/b.csv", "a,b\n1,2\n")
    others = children_of(os.getpid())  # other tests' servers
    killing = Thread(
        target=lambda: os.kill(wait_for_children(os.getpid(), others).pop(), signal.SIGKILL)
    )
    killing.start()
    report = kitchen.combine(workers=1)
    killing.join()
    assert [failure.reason for failure in report.failures] == [
        "the process that read it has ended, status -9"
    ]
    assert [done.subfolder for done in report.combined] == ["three", "two"]


def test_an_interrupt_leaves_nothing_running(kitchen) -> None:
    for number in range(9):
        kitchen.write(f"one/{number}.csv", "a,b\n" + "1,2\n" * 400_000)

    def interrupt(read: int, size: int) -> None:
        raise KeyboardInterrupt

    others = children_of(os.getpid())
    with pytest.raises(KeyboardInterrupt):
        combine(kitchen.raw, kitchen.out, workers=2, progress=interrupt)
    assert children_of(os.getpid()) == others
    assert not (kitchen.out / ".casebook-combine" / "work").exists()


def test_a_python_file_in_the_current_folder_is_not_taken_for_ours(kitchen) -> None:
    kitchen.write("one/a.csv", "a,b\n1,2\n")
    for name in ("json", "casebook", "msgspec", "signal"):
        (kitchen.root / f"{name}.py").write_text("raise SystemExit('not ours')")
    code = f"""
import sys
sys.path.remove("")
from pathlib import Path
from casebook.combine.run import combine
assert not combine(Path({str(kitchen.raw)!r}), Path({str(kitchen.out)!r}), workers=1).failures
"""
    environment = os.environ | {"PYTHONSAFEPATH": ""}
    subprocess.run(
        [sys.executable, "-c", code], cwd=kitchen.root, env=environment, check=True, text=True
    )
    assert gzip.decompress((kitchen.out / "one.json.gz").read_bytes()) == b'{"a":1,"b":2}\n'
