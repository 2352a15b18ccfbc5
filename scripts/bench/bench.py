"""What `make bench` runs: Casebook's commands beside bare scripts that do the same work."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from measure import MB, PROJECT, BenchError, Pair, Side, environment_of, run, settle
from pairs import BESIDES, SECTIONS, Bench

BASE_BYTES = 500 * MB
LEAST_BYTES = 1 * MB
SEVERAL_ROUNDS_UP_TO = 1_000 * MB

ABOUT = """\
Compare commands of Casebook with bare scripts that do the same work, on generated data.

A pair is a command and one bare script or more. The sides take turns at going first, the input is
read into the page cache before each, and every figure is the median of all rounds: wall time of a
process from its start to its end, or what it says of itself; processor time; and the most memory
that it and its children held at once. MB are 1,000,000 bytes. A bound that is missed is printed as
`missed`; the exit status is 1 only where something does not run, or two sides disagree.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and print it; 0 unless something broke."""
    options = _parse(arguments)
    size = round(BASE_BYTES * options.scale)
    rounds = options.rounds or (3 if size <= SEVERAL_ROUNDS_UP_TO else 1)
    folder = options.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="run-", dir=folder))
    bench = Bench(folder / "data", work, size, environment_of(work))
    found: dict[str, list[dict[str, Any]]] = {}
    print(f"{_machine()}; " + (f"medians of {rounds} rounds" if rounds > 1 else "1 round"))
    try:
        for section in options.only or [name for name in SECTIONS if name not in BESIDES]:
            print(f"\n{section}: {(SECTIONS[section].__doc__ or '').strip()}\n", flush=True)
            lines = found.setdefault(section, [])
            for pair in SECTIONS[section](bench):
                lines.append(_line(pair, rounds, bench))
                _print(lines[-1])
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        shutil.rmtree(work, ignore_errors=True)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        result = {"machine": _machine(), "scale": options.scale, "rounds": rounds, "found": found}
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return 0


def _line(pair: Pair, rounds: int, bench: Bench) -> dict[str, Any]:
    """Measure a pair, and put its figures beside each other."""
    sides = [pair.ours, *(other.side for other in pair.others)]
    runs: dict[str, list[dict[str, Any]]] = {side.name: [] for side in sides}
    fact = ""
    for number in range(rounds):
        for side in sides if number % 2 == 0 else reversed(sides):
            runs[side.name].append(_measure(side, bench))
        fact = pair.check()
    ours = _medians(runs[pair.ours.name])
    others = []
    for other in pair.others:
        theirs = _medians(runs[other.side.name])
        ratio = ours["seconds"] / theirs["seconds"]
        verdict = _verdict(ratio <= (other.bound or 0), other.bound, other.least, bench)
        bound = {"bound": other.bound, "verdict": verdict}
        others.append({"name": other.side.name, **theirs, "ratio": ratio, **bound})
    figure = pair.size_bytes / MB / ours["seconds"] if pair.size_bytes else ours["seconds"]
    is_met = figure >= (pair.bound or 0) if pair.size_bytes else figure <= (pair.bound or 0)
    return {
        "name": pair.name,
        "fact": fact,
        **ours,
        "mb_a_second": figure if pair.size_bytes else None,
        "bound": pair.bound,
        "verdict": _verdict(is_met, pair.bound, pair.least, bench),
        "others": others,
        "runs": runs,
    }


def _verdict(is_met: bool, bound: float | None, least: int, bench: Bench) -> str:
    if bound is None:
        return ""
    if bench.size_bytes < least:
        return f"from {least / MB:,.0f} MB"
    return "met" if is_met else "missed"


def _measure(side: Side, bench: Bench) -> dict[str, Any]:
    side.prepare()
    settle(*side.reads)
    done = run(side.command, bench.environment | side.environment, side.folder)
    said = done.figures
    return {
        "seconds": said.get("seconds", done.seconds),
        "processor": done.processor,
        "peak_mb": done.peak_bytes / MB,
        "parts": said.get("parts", {}),
    }


def _medians(runs: list[dict[str, Any]]) -> dict[str, Any]:
    figures = {
        name: median(one[name] for one in runs) for name in ("seconds", "processor", "peak_mb")
    }
    parts = {name: median(one["parts"][name] for one in runs) for name in runs[0]["parts"]}
    return {**figures, "parts": parts}


def _print(line: dict[str, Any]) -> None:
    rate = f"  {line['mb_a_second']:,.1f} MB/s" if line["mb_a_second"] else ""
    print(f"{line['name']}{_side('casebook', line)}{rate}{_bound(line, '')}")
    for other in line["others"]:
        print(f"  ÷{_side(other['name'], other)}  = {other['ratio']:.2f}{_bound(other, 'x')}")
        for name, seconds in line["parts"].items():
            if theirs := other["parts"].get(name):
                print(f"      {name}: {seconds:,.3f} ÷ {theirs:,.3f} s = {seconds / theirs:.2f}")
    if line["fact"]:
        print(f"  {line['fact']}")
    sys.stdout.flush()


def _side(name: str, figures: dict[str, Any]) -> str:
    return (
        f"  {name} {figures['seconds']:,.3f} s, {figures['processor']:,.2f} s of processor time,"
        f" {figures['peak_mb']:,.0f} MB"
    )


def _bound(figures: dict[str, Any], unit: str) -> str:
    return f"  (bound {figures['bound']:g}{unit}: {figures['verdict']})" if figures["bound"] else ""


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return (
        f"{os.cpu_count()} cores, {memory / 1e9:.0f} GB, load average {os.getloadavg()[0]:.1f},"
        f" Python {platform.python_version()}, DuckDB {version('duckdb')},"
        f" dbt {version('dbt-core')}"
    )


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--scale", type=float, default=1.0, help="times 500 MB of raw data; at least 0.002")
    add("--rounds", type=int, help="how often each side runs; 3, or 1 above 1,000 MB")
    add("--folder", type=Path, default=PROJECT / "target" / "bench", help="generated data stays")
    add("--json", type=Path, metavar="FILE", help="also write the result as JSON")
    add("--only", action="append", choices=SECTIONS, help="this section only; may be repeated")
    options = parser.parse_args(arguments)
    if not LEAST_BYTES <= BASE_BYTES * options.scale < float("inf"):
        parser.error(f"--scale must be at least {LEAST_BYTES / BASE_BYTES}, and finite")
    if options.rounds is not None and options.rounds < 1:
        parser.error("--rounds must be at least 1")
    return options


if __name__ == "__main__":
    sys.exit(main())
