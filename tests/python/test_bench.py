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

import duckdb
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


@pytest.fixture
def bench_modules(monkeypatch):
    """Imports a program of the benchmark."""
    monkeypatch.syspath_prepend(SCRIPTS)
    return importlib.import_module


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
    slowest = list(full["slowest_nodes"].values())
    assert slowest == sorted(slowest, reverse=True)
    assert min(slowest) > 0 < day["parts"]["load"]
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


def test_a_program_is_stopped_with_its_children_for_a_reason(bench_modules, tmp_path):
    measure = bench_modules("measure")
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


# --- Beside Spark: builds there take minutes, so only what goes on around them.


def test_a_bare_session_gets_the_statements_that_dbt_ran(bench_modules, tmp_path):
    models = {
        "staging/stg_a": "create or replace view staging.stg_a as select 1 as id",
        "marts/a": "\n  create table s.a\n  comment 'x'\n  as select * from staging.stg_a",
        "marts/b": "create table s.b partitioned by (id) as select * from s.a",
    }
    nodes, results = {}, [{"unique_id": "operation.casebook.on-run-start-0"}]
    for path, statement in models.items():
        file = tmp_path / "run" / "casebook" / "models" / f"{path}.sql"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(statement)
        name = file.stem
        nodes[f"model.casebook.{name}"] = {
            "resource_type": "model",
            "name": name,
            "package_name": "casebook",
            "original_file_path": f"models/{path}.sql",
        }
        results.append({"unique_id": f"model.casebook.{name}"})
    nodes["seed.casebook.c"] = {"resource_type": "seed", "name": "c"}
    nodes["test.casebook.a_is.0"] = {"resource_type": "test", "name": "a_is"}
    results.insert(3, {"unique_id": "test.casebook.a_is.0", "compiled_code": "select * from s.a"})
    results.insert(1, {"unique_id": "seed.casebook.c"})
    (tmp_path / "manifest.json").write_text(json.dumps({"nodes": nodes}))
    (tmp_path / "run_results.json").write_text(json.dumps({"results": results}))

    found = bench_modules("spark_models").read_statements(tmp_path)

    assert found.before == [models["staging/stg_a"]]
    assert found.named == [
        ("a", "create table bare.a\n  comment 'x'\n  as select * from staging.stg_a"),
        ("a_is.0", "create table bare.a_is as select * from s.a"),
        ("b", "create table bare.b partitioned by (id) as select * from s.a"),
    ]
    assert found.models == ["a", "b"]


def test_a_bare_session_has_the_settings_of_the_profile(bench_modules):
    settings = bench_modules("spark_models").session_settings({"CASEBOOK_SPARK_WAREHOUSE": "/here"})

    assert settings["spark.sql.session.timeZone"] == "UTC"
    assert settings["spark.sql.warehouse.dir"] == "/here"
    connection = settings["spark.hadoop.javax.jdo.option.ConnectionURL"]
    assert connection == "jdbc:derby:;databaseName=/here/metastore;create=true"


def test_sides_with_other_votes_do_not_agree(bench_modules, tmp_path):
    program, side = bench_modules("spark_votes"), bench_modules("history").Side
    here = side(tmp_path, tmp_path / "lake", tmp_path / "warehouse.db", tmp_path / "dbt", {})
    votes = "select 7 as vote_id, 8 as post_id, timestamp '2022-01-02' as created_at"
    with duckdb.connect(str(here.warehouse)) as connection:
        for table, schema in program.TABLES.items():
            connection.execute(f"create schema if not exists {schema}")
            connection.execute(f"create table {schema}.{table} as {votes}")
            folder = tmp_path / "spark" / f"{schema}.db" / table / "created_month=2022-01-01"
            folder.mkdir(parents=True)
            connection.execute(f"copy ({votes}) to '{folder}/part-0.parquet'")

    assert program.sums_of_duckdb(here) == program.sums_of_spark(here)
    other = votes.replace("8 as", "9 as")
    duckdb.execute(f"copy ({other}) to '{folder}/part-0.parquet'")
    assert program.sums_of_duckdb(here) != program.sums_of_spark(here)


@pytest.mark.parametrize("program", ["limits.py", "spark_models.py", "spark_votes.py"])
def test_each_program_says_what_it_measures_and_refuses_no_votes(program):
    assert "  --votes " in bench("--help", program=program).stdout
    refused = bench("--votes", "0", program=program)
    assert refused.returncode == 2
    assert "above 0" in refused.stderr


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
