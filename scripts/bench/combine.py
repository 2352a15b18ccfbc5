"""Twenty files of CSV and JSON in five subfolders: `casebook combine` beside a pandas loop."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random

from measure import (
    MB,
    Bench,
    BenchError,
    Bound,
    Line,
    Run,
    Runs,
    Section,
    plain_environment,
    program,
    remove,
    run,
    settle,
)

SCRIPTS = Path(__file__).parent
SUBFOLDERS, FILES = 5, 4
TIMES_AS_FAST = 6
MIB = 1 << 20
PEAK_MIB = 95.29  # what the authors of the pandas loop measured for it
MEANT_FOR = 400 * MB
ROWS_AT_ONCE = 1_000
PRODUCTS = (
    "Anorak, lined",
    "Boots",
    "Coffee grinder",
    "Desk lamp",
    'Monitor 27"',
    "Écharpe",
    "Filter",
)
PRODUCTS += ("Garden hose, 25 m", "Headphones", "Ink", "Jug", "Kettle", "Ladder", "Mug", "Notebook")
PRODUCTS += ("Oven glove", "Pan", "Quilt", "Rug", "Saucer")
NOTES = (None, None, None, None, "gift", "leave at the door", "call first", "second floor, left")
COUNTRIES = ("DE", "FR", "BR", "NL", "SE", "US", "IT", "PL")

# Run as a process of its own, as everything that needs memory here: see `measure`.
_COMPARE = """
import gzip, sys
from itertools import zip_longest
import msgspec
decode, records = msgspec.json.Decoder().decode, 0
with gzip.open(sys.argv[1]) as ours, gzip.open(sys.argv[2]) as theirs:
    for one, other in zip_longest(ours, theirs):
        if one is None or other is None or decode(one) != decode(other):
            sys.exit(f"record {records + 1}: {one} and {other}")
        records += 1
print(records)
"""


def measure_combine(bench: Bench) -> Section:
    """Compare `casebook combine` with a pandas loop that does the same.

    Args:
        bench: where to work, on how much, and how often.

    Raises:
        BenchError: if a program fails, or the two sides do not write the same records.
    """
    raw = _generate(bench)
    size = sum(file.stat().st_size for file in raw.rglob("*.*"))
    work = Path(tempfile.mkdtemp(prefix="run-", dir=bench.folder))
    runs = Runs()
    try:
        for number in range(bench.rounds):
            bench.say(f"round {number + 1} of {bench.rounds}")
            _play(bench, raw, work, runs, number)
        records = sum(
            _compare(file, work / "pandas" / file.name)
            for file in sorted((work / "casebook").glob("*.json.gz"))
        )
        sizes = [
            sum(file.stat().st_size for file in (work / side).glob("*.json.gz"))
            for side in ("casebook", "pandas")
        ]
    finally:
        shutil.rmtree(work, ignore_errors=True)
    ours, theirs = runs.median("combine"), runs.median("pandas loop")
    peaks = [runs.median(name, "peak_mib") for name in ("combine", "pandas loop")]
    lines = [
        Line(
            "combine",
            "s",
            ours,
            theirs,
            "pandas loop",
            Bound(round(1 / TIMES_AS_FAST, 3), MEANT_FOR),
            bench.size_bytes,
        ),
        Line("combine, peak memory", "MiB", peaks[0], None, "", Bound(PEAK_MIB), bench.size_bytes),
        Line("combine, peak memory", "MiB", *peaks, "pandas loop", size_bytes=bench.size_bytes),
    ]
    facts = [
        f"Both write the same {records:,} records; combine is {theirs / ours:.1f} times as fast.",
        f"The outputs have {sizes[0] / MB:,.0f} MB, those of the pandas loop {sizes[1] / MB:,.0f}"
        " MB: gzip's own level is 9.",
        "Peaks are sums over a process and those that it starts, shared pages in each.",
    ]
    title = f"{size / MB:,.0f} MB of CSV and JSON in {SUBFOLDERS * FILES} files"
    return Section(title, lines, facts, runs.as_json())


def _play(bench: Bench, raw: Path, work: Path, runs: Runs, number: int) -> None:
    """Both sides once, on fresh folders."""
    sides = {
        "combine": [program("casebook"), "combine", raw, work / "casebook", "--quiet"],
        "pandas loop": [sys.executable, SCRIPTS / "pandas_combine.py", raw, work / "pandas"],
    }
    for name in list(sides) if number % 2 == 0 else reversed(list(sides)):
        remove(work / name.replace("combine", "casebook").removesuffix(" loop"))
        settle(*sorted(raw.rglob("*.*")))
        done: Run = run(sides[name], bench.project, plain_environment())
        runs.add(name, done, peak_mib=done.peak_bytes / MIB)
        bench.say(f"  {name:16} {done.seconds:8.2f} s {done.peak_bytes / MIB:8,.1f} MiB")


def _compare(ours: Path, theirs: Path) -> int:
    """How many records two outputs have; they must be the same ones, as parsed."""
    done = subprocess.run(
        [sys.executable, "-c", _COMPARE, str(ours), str(theirs)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise BenchError(f"{ours.name} is not the same on both sides: {done.stderr.strip()}")
    return int(done.stdout)


def _generate(bench: Bench) -> Path:
    """The raw folder of a size, from an earlier run if it wrote the same one."""
    made_by = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    raw = bench.folder / "data" / f"combine-{bench.size_bytes}-{made_by}"
    if not raw.exists():
        bench.say(f"generating {bench.size_bytes / MB:,.0f} MB of orders in {raw}")
        remove(*raw.parent.glob("combine-*"))
        partial = raw.with_name(f"partial-{raw.name}")
        for number in range(SUBFOLDERS * FILES):
            folder = partial / f"shop_{number // FILES + 1}"
            folder.mkdir(parents=True, exist_ok=True)
            _write(folder, number, bench.size_bytes // (SUBFOLDERS * FILES))
        partial.replace(raw)
    return raw


def _write(folder: Path, number: int, size: int) -> None:
    """Write a file of orders: two of each four are CSV, with `,` and `;`, the others JSON lines."""
    orders = _orders(number)
    kind = number % FILES
    file = folder / f"{kind}.{'csv' if kind < 2 else 'jsonl'}"
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, delimiter=",;"[kind % 2], lineterminator="\n")
        if kind < 2:
            writer.writerow(next(orders))
        while out.tell() < size:
            for _ in range(ROWS_AT_ONCE):
                order = next(orders)
                if kind < 2:
                    writer.writerow(order.values())
                else:
                    line = json.dumps(order, ensure_ascii=kind == 2, separators=(",", ":"))
                    out.write(line + "\n")


def _orders(number: int) -> Iterator[dict[str, object]]:
    """Orders without end; each column of numbers or texts has some of its own in its first rows."""
    draw = Random(number).random
    order_id = number * 10_000_000
    while True:
        order_id += 1
        day = f"20{20 + int(draw() * 6)}-{1 + int(draw() * 12):02}-{1 + int(draw() * 28):02}"
        yield {
            "order_id": order_id,
            "customer_id": 100_000 + int(draw() * 900_000),
            "ordered_at": f"{day}T{int(draw() * 24):02}:{int(draw() * 60):02}:00",
            "product": PRODUCTS[int(draw() * len(PRODUCTS))],
            "quantity": 1 + int(draw() * 9),
            "unit_price": round(draw() * 200, 2),
            "discount": round(draw() * 0.3, 3) if draw() < 0.3 else None,
            "country": COUNTRIES[int(draw() * len(COUNTRIES))],
            "note": NOTES[int(draw() * len(NOTES))],
        }
