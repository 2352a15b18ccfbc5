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
import parity
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


def measure(tmp_path: Path, *sections: str) -> tuple[dict, str]:
    """What some sections found, by section and pair, and what was printed."""
    folder, result = tmp_path / "bench", tmp_path / "result.json"
    options = ["--scale", "0.002", "--rounds", "1", "--folder", str(folder), "--json", str(result)]
    done = bench(*options, *(part for one in sections for part in ("--only", one)))
    assert done.returncode == 0, done.stderr
    # Generated data stays for the next run, and nothing else does.
    assert {path.name for path in folder.iterdir()} <= {"data"}
    found = json.loads(result.read_text())["found"]
    assert list(found) == list(sections)
    for line in (line for lines in found.values() for line in lines):
        assert line["name"] in done.stdout
        assert line["seconds"] > 0 < line["peak_mb"]
        for other in line["others"]:
            assert other["ratio"] == pytest.approx(line["seconds"] / other["seconds"])
    return {name: {line["name"]: line for line in lines} for name, lines in found.items()}, (
        done.stdout
    )


def test_loads_and_combine_are_compared_with_bare_scripts(tmp_path):
    found, printed = measure(tmp_path, "loads", "small_files", "combine")

    loads = found["loads"]
    assert {name: [one["name"] for one in line["others"]] for name, line in loads.items()} == {
        "load of JSON lines": ["bare COPY"],
        "unchanged second load": [],
        "load of a JSON array": ["bare COPY"],
        "load of CSV": ["bare COPY"],
    }
    assert loads["load of CSV"]["others"][0]["bound"] == 1.3
    assert loads["load of CSV"]["others"][0]["verdict"] == "from 500 MB"
    assert "400 records landed and 0 were quarantined, of 400." in printed
    assert [one["name"] for one in found["combine"]["combine"]["others"]] == ["pandas loop"]
    assert re.search(r"Both write the same \d[\d,]+ records", printed)


def test_builds_and_the_api_are_compared_with_bare_scripts(tmp_path):
    found, printed = measure(tmp_path, "builds", "ctr")

    build = found["builds"]["load + build of votes"]
    assert [one["name"] for one in build["others"]] == ["bare script", "dbt-duckdb alone"]
    assert re.search(r"Both have [\d,]+ votes in \d+ weeks", printed)
    assert list(found["ctr"]) == [
        f"{asked}, {clients}"
        for asked in ("all products", "one product")
        for clients in ("1 client", "32 clients")
    ]
    for line in found["ctr"].values():
        assert [one["name"] for one in line["others"]] == ["DuckDB client"]
        assert line["parts"]["p99"] >= line["seconds"] * 0.99


@pytest.mark.parametrize("share", [0.0001, 0.01, 0.99])
def test_a_share_of_a_damaged_file_is_bad(bench_modules, tmp_path, share):
    inputs = bench_modules("inputs")
    for form in ("jsonl", "csv", "json"):
        clean, bad = tmp_path / f"clean.{form}", tmp_path / f"bad.{form}"
        inputs.write_votes(clean, 1_000_000)
        assert 0.7 < clean.stat().st_size / 1_000_000 < 1.4
        inputs.write_damaged(clean, bad, share)
        lines = list(
            zip(clean.read_bytes().split(b"\n"), bad.read_bytes().split(b"\n"), strict=True)
        )
        changed = sum(one != other for one, other in lines)
        assert changed == pytest.approx(len(lines) * share, rel=0.05, abs=2)


def test_clean_votes_are_copied_and_superseded_in_known_shares(bench_modules, tmp_path):
    inputs = bench_modules("inputs")
    path = tmp_path / "votes.jsonl"
    inputs.write_votes_of_days(path, first=1_000, records=20_000, days=inputs.FIVE_YEARS)
    rows = duckdb.sql(
        "select count(*), count(distinct Id), count(distinct (Id, PostId, CreationDate)),"
        f" count(distinct CreationDate) from '{path}'"
    ).fetchone()
    assert rows[0] == 20_000
    assert rows[0] - rows[2] == pytest.approx(100, abs=2), "copies"
    assert rows[2] - rows[1] == pytest.approx(100, abs=55), "superseded, some of earlier files"
    assert rows[3] == len(inputs.FIVE_YEARS)


def test_a_history_grows_until_a_build_fails(tmp_path):
    def study(*given: str) -> str:
        given = (*given, "--day", "0.001", "--free-gb", "0", "--folder", str(tmp_path))
        done = bench(*given, program="study.py")
        assert done.returncode == 0, done.stderr
        return done.stdout

    said = study("--votes", "0.02", "--memory", "4GB")
    assert re.search(r"0\.02 M votes, duckdb, 4GB: full build: [\d.,]+ s", said)
    assert "0.02 M votes, duckdb, 4GB: a day on top" in said
    assert re.search(r"\d s  model\.casebook\.", said)
    said = study("--votes", "0.02,5", "--memory", "15MB")
    assert re.search(r"0\.02 M votes.*15MB: full build.*\n  FAILED: .*Out of Memory", said)
    assert "5 M votes" not in said.replace("0.02 M votes", "")
    assert list(tmp_path.iterdir()) == []


def test_a_program_is_stopped_with_its_children_for_a_reason(bench_modules, tmp_path):
    pid = tmp_path / "pid"
    child = f"echo $$ > {pid}; exec sleep 60"

    done = bench_modules("measure").run(
        ["sh", "-c", f"sh -c '{child}' & wait"],
        {"PATH": os.environ["PATH"]},
        tmp_path,
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

    before, named = bench_modules("spark_models").read_statements(tmp_path)

    assert before == [models["staging/stg_a"]]
    assert named == [
        ("a", "create table bare.a\n  comment 'x'\n  as select * from staging.stg_a"),
        ("a_is.0", "create table bare.a_is as select * from s.a"),
        ("b", "create table bare.b partitioned by (id) as select * from s.a"),
    ]


def test_a_bare_session_has_the_settings_of_the_profile(bench_modules):
    settings = bench_modules("spark_models").session_settings({"CASEBOOK_SPARK_WAREHOUSE": "/here"})

    assert settings["spark.sql.session.timeZone"] == "UTC"
    assert settings["spark.sql.warehouse.dir"] == "/here"
    connection = settings["spark.hadoop.javax.jdo.option.ConnectionURL"]
    assert connection == "jdbc:derby:;databaseName=/here/metastore;create=true"


@pytest.mark.parametrize(
    ("program", "wrong"),
    [
        ("bench.py", ("--scale", "0")),
        ("bench.py", ("--scale", "nan")),
        ("bench.py", ("--rounds", "0")),
        ("study.py", ("--votes", "0")),
        ("study.py", ("--votes", "2,1")),
    ],
)
def test_sizes_that_mean_nothing_are_refused(program, wrong):
    done = bench(*wrong, program=program)
    assert done.returncode == 2
    assert wrong[0] in done.stderr


def test_two_warehouse_files_are_compared_by_key(tmp_path):
    sides = {"before": "(1, 'a'), (2, 'b'), (3, 'c')", "after": "(1, 'a'), (2, 'x'), (4, 'd')"}
    files = [tmp_path / f"{side}.db" for side in sides]
    for file, rows in zip(files, sides.values(), strict=True):
        with duckdb.connect(str(file)) as connection:
            connection.execute(f"""
                create schema audit;
                create schema s;
                create table s.one as from (values {rows}) as t (id, name);
                create table s.same as select 1 as id;
                create table s.{file.stem} as select 1 as id;
                create table audit.declarations as
                select 's.one' as relation, '[["id"]]' as keys;
            """)
    found = {table.name: table.differences for table in parity.diff_files(*files)}
    assert found == {
        "s.after": (f"only {files[1]} has it",),
        "s.before": (f"only {files[0]} has it",),
        "s.one": (
            "1 rows only before, as [(3,)]",
            "1 rows only after, as [(4,)]",
            "1 rows changed, as [(2,)]",
        ),
        "s.same": (),
    }
