"""`make bench` at a size that takes seconds: it runs, and its result can be read."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from workbench import PROJECT

SCRIPTS = PROJECT / "scripts" / "bench"


def bench(*arguments: str, program: str = "bench.py") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPTS / program), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_benchmark_prints_every_comparison_and_writes_it_as_json(tmp_path):
    folder, result = tmp_path / "bench", tmp_path / "result.json"

    options = ("--scale", "0.002", "--rounds", "1", "--folder", str(folder), "--json", str(result))
    asked = (("--only", section) for section in ("votes", "loads", "events", "courses"))
    done = bench(*options, *(part for pair in asked for part in pair))

    assert done.returncode == 0, done.stderr
    sections = json.loads(result.read_text())["sections"]
    check_loads(sections["loads"], done.stdout)
    assert [line["against"] for line in sections["events"]["lines"]] == ["bare script"] * 2
    against = [line["against"] for line in sections["courses"]["lines"] if line["theirs"]]
    assert against == ["bare script", "bare script", "all pairs"]
    assert "Both recommend the same 1,200 courses" in done.stdout
    votes = sections["votes"]
    compared = {(line["name"], line["against"]) for line in votes["lines"]}
    assert compared == {
        ("load", "bare COPY"),
        ("load + build", "bare script"),
        ("load + build, less an empty dbt build", "bare script"),
        ("unchanged re-load", ""),
        ("load + build of 0.1% more rows", "first build"),
        ("load, peak memory", ""),
        ("load, peak memory", "load of a tenth"),
        ("load, peak memory", "bare copy"),
        ("re-load, peak memory", ""),
        ("first build, peak memory", "bare script"),
        ("next build, peak memory", "first build"),
        ("empty dbt build, peak memory", ""),
    }
    for section in sections.values():
        check_printed(section, done.stdout)
    # Generated data stays for the next run, and nothing else does.
    assert {path.name for path in folder.iterdir()} == {"data"}


def test_the_api_is_compared_with_the_query_alone(tmp_path):
    folder, result = tmp_path / "bench", tmp_path / "result.json"

    options = ("--scale", "0.002", "--rounds", "1", "--folder", str(folder), "--json", str(result))
    done = bench(*options, "--only", "ctr")

    assert done.returncode == 0, done.stderr
    rates = json.loads(result.read_text())["sections"]["ctr"]
    names = [line["name"] for line in rates["lines"]]
    for asked in ("all products, 1 client", "one product, 32 clients"):
        assert {f"{asked}, {figure}" for figure in ("p50", "p99", "requests")} <= set(names)
    assert all(line["ours"] > 0 for line in rates["lines"])
    assert "The server's share of the time" in done.stdout


def test_combine_is_compared_with_a_pandas_loop(tmp_path):
    folder, result = tmp_path / "bench", tmp_path / "result.json"

    options = ("--scale", "0.002", "--rounds", "1", "--folder", str(folder), "--json", str(result))
    done = bench(*options, "--only", "combine")

    assert done.returncode == 0, done.stderr
    combine = json.loads(result.read_text())["sections"]["combine"]
    assert [(line["unit"], line["against"]) for line in combine["lines"]] == [
        ("s", "pandas loop"),
        ("MiB", ""),
        ("MiB", "pandas loop"),
    ]
    assert re.search(r"Both write the same \d[\d,]+ records", done.stdout)
    check_printed({**combine, "runs": {}}, done.stdout)
    assert {path.name for path in folder.iterdir()} == {"data"}


def test_a_history_grows_until_a_build_fails(tmp_path):
    folder, result = tmp_path / "bench", tmp_path / "result.json"

    given = ("--votes", "0.02,5", "--day", "0.001", "--memory", "15MB", "--free-gb", "0")
    options = (*given, "--folder", str(folder), "--json", str(result))
    done = bench(*options, program="limits.py")

    assert done.returncode == 0, done.stderr
    limits = json.loads(result.read_text())["sections"]["limits"]
    (failed,) = limits["runs"]["0.02 M votes, 15MB: full build"]
    assert "Out of Memory Error" in failed["failure"]
    assert "the one that failed is 0.02 M votes, 15MB: full build" in done.stdout
    assert "Ended: a build has failed with every limit." in done.stdout
    assert list(folder.iterdir()) == []


def test_each_step_of_a_history_is_measured(tmp_path):
    folder, result = tmp_path / "bench", tmp_path / "result.json"

    given = ("--votes", "0.02", "--day", "0.001", "--free-gb", "0")
    options = (*given, "--folder", str(folder), "--json", str(result))
    done = bench(*options, program="limits.py")

    assert done.returncode == 0, done.stderr
    limits = json.loads(result.read_text())["sections"]["limits"]
    check_printed(limits, done.stdout)
    (full,) = limits["runs"]["0.02 M votes, 4GB: full build"]
    (day,) = limits["runs"]["0.02 M votes, 4GB: a day on top"]
    assert full["slowest_nodes"]["votes"] > 0 < day["parts"]["load"]
    assert full["candidate_mb"] > 1 < full["warehouse_mb"]
    assert re.search(r"20,000 votes: 2 MB raw.*generated in.*landed in.*lake \d", done.stdout)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--hours", "0.0000001"), "1e-07 hours are over"),
        (("--free-gb", "1e9"), r"the disk has [\d.]+ GB left"),
    ],
)
def test_a_history_does_not_grow_beyond_time_and_disk(tmp_path, given, said):
    done = bench("--votes", "1", *given, "--folder", str(tmp_path), program="limits.py")

    assert done.returncode == 0, done.stderr
    assert re.search(f"Ended: {said}.", done.stdout)
    assert "the last that was built is none" in done.stdout


def test_a_program_is_stopped_with_its_children_for_a_reason(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(SCRIPTS)
    measure = importlib.import_module("measure")
    pid = tmp_path / "pid"
    child = f"echo $$ > {pid}; exec sleep 60"

    done = measure.run(
        ["sh", "-c", f"sh -c '{child}' & wait"],
        tmp_path,
        {"PATH": os.environ["PATH"]},
        watch=lambda: "enough" if pid.exists() and pid.read_text() else "",
        may_fail=True,
    )

    assert (done.failure, done.seconds < 30) == ("enough", True)
    for _ in range(100):
        if is_gone(int(pid.read_text())):
            break
        time.sleep(0.05)
    else:
        pytest.fail("the child still runs")


def is_gone(pid):
    """Whether a process has ended; one that nobody has waited for has."""
    try:
        return ") Z " in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return True


def check_printed(section, printed):
    for line in section["lines"]:
        rows = [row for row in printed.splitlines() if row.startswith(line["name"])]
        assert any(line["against"] in row and line["verdict"] in row for row in rows) or (
            line["verdict"] == "not at this size" and rows
        )
    assert all(
        run["seconds"] > 0 < run["peak_mb"] for runs in section["runs"].values() for run in runs
    )


def check_loads(loads, printed):
    compared = {(line["name"], line["against"]) for line in loads["lines"]}
    assert {against for name, against in compared if "array file" in name} == {
        "",
        "bare COPY",
        "load of a tenth",
    }
    assert {name.split(" for")[0] for name, _ in compared if "damaged" in name} == {
        "load of damaged CSV,",
        "load of damaged JSON array,",
        "load of damaged JSON lines,",
    }
    assert ("third load of 20 small files", "") in compared
    assert "all accounted for" in printed


@pytest.mark.parametrize("wrong", [("--scale", "0"), ("--scale", "nan"), ("--rounds", "0")])
def test_the_benchmark_refuses_sizes_that_mean_nothing(wrong):
    done = bench(*wrong)

    assert done.returncode == 2
    assert f"{wrong[0]} must be" in done.stderr
