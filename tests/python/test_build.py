"""Candidate and publish, readers meanwhile, and when a build refreshes in full unasked."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
from casebook.build.publish import held
from workbench import UNTESTED, Workbench, vote


def break_the_accounting(bench: Workbench) -> None:
    """Let the ledger claim a record that was never landed, as a faulty loader would."""
    (entry,) = bench.lake.rglob("~entry.json")
    content = json.loads(entry.read_text())
    content["records"] += 1
    entry.write_text(json.dumps(content))


def test_a_build_whose_test_fails_leaves_the_warehouse_byte_for_byte(built: Workbench) -> None:
    before = built.warehouse.read_bytes()
    break_the_accounting(built)
    failed = built.casebook("build", status=1)
    assert built.warehouse.read_bytes() == before
    assert "row_accounting_records_are_landed_or_quarantined" in failed.stderr
    candidate = built.root / "warehouse_candidate.db"
    assert str(candidate) in failed.stderr
    name = "row_accounting_records_are_landed_or_quarantined"
    assert f"failed: test {name} (1 row)\n    select * from audit.{name}\n" in failed.stderr
    with duckdb.connect(str(candidate), read_only=True) as connection:
        assert connection.execute(
            f"select source_file, records, landed from audit.{name}"
        ).fetchall() == [("blog/votes/a.jsonl", 3, 2)]


def test_the_next_good_build_is_published_and_leaves_nothing_behind(bench: Workbench) -> None:
    bench.write("a.jsonl", [vote(1)])
    bench.casebook("load")
    break_the_accounting(bench)
    bench.casebook("build", status=1)
    assert not bench.warehouse.exists()
    shutil.rmtree(bench.lake)
    bench.casebook("build")
    assert bench.query("select count(*) from blog_analysis.votes") == [(1,)]
    assert not list(bench.root.glob("*_candidate*"))
    assert bench.query(
        "select count(*) from information_schema.tables where table_schema = 'audit'"
    ) == [(6,)]


def test_a_reader_and_a_build_do_not_disturb_each_other(built: Workbench) -> None:
    with duckdb.connect(str(built.warehouse), read_only=True) as reader:
        built.write("b.jsonl", [vote(3)])
        built.casebook("build")
        assert reader.execute("select count(*) from blog_analysis.votes").fetchall() == [(2,)]
    assert built.query("select count(*) from blog_analysis.votes") == [(3,)]


def test_a_second_build_of_the_same_warehouse_says_that_one_is_running(bench: Workbench) -> None:
    bench.write("a.jsonl", [vote(1)])
    with (bench.root / "warehouse.db.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused = bench.casebook("build", status=1)
    assert "another build of this warehouse is running" in refused.stderr
    assert not bench.warehouse.exists()


def test_a_refused_file_does_not_keep_the_others_from_being_published(bench: Workbench) -> None:
    bench.write("good.jsonl", [vote(1)])
    bench.write("bad.jsonl.gz", b"\x1f\x8b\x08 and no more")
    published = bench.casebook("build", status=3)
    assert "refused" in published.stderr
    assert bench.query("select count(*) from blog_analysis.votes") == [(1,)]
    ((state, landed_file, refusal),) = bench.query(
        "select state, landed_file, refusal from audit.loaded_files"
        " where source_file = 'blog/votes/bad.jsonl.gz'"
    )
    assert (state, landed_file) == ("refused", None)
    assert refusal


def test_a_bare_dbt_build_works_after_a_load_and_stops_before_one(bench: Workbench) -> None:
    stopped = bench.dbt("build", status=2)
    assert "nothing is loaded" in stopped.stdout
    assert "casebook load" in stopped.stdout
    bench.write("a.jsonl", [vote(1), vote(1), vote(2, PostId="x")])
    bench.casebook("load")
    bench.dbt("build")
    assert bench.query("select duplicate, rejected, kept from audit.row_accounting") == [(1, 1, 1)]
    bench.write("b.jsonl", [vote(1, PostId="7")])
    bench.casebook("load")
    bench.dbt("build", "--exclude-resource-type", "unit_test")
    assert bench.query("select vote_id, post_id from blog_analysis.votes") == [(1, 7)]
    assert bench.query("select count(*), sum(tests_failed) from audit.builds") == [(2, 0)]
    with duckdb.connect(str(bench.warehouse), read_only=True):
        held = bench.dbt("build", status=2)
    assert "lock" in (held.stdout + held.stderr).lower()


def test_a_bare_dbt_build_finds_the_default_folders(own_project: Workbench) -> None:
    bench = own_project
    bench.raw, bench.lake = bench.project / "raw", bench.project / "lake"
    bench.warehouse = bench.project / "warehouse.db"
    bench.defaults = True
    bench.write("a.jsonl", [vote(1)])
    bench.casebook("load")
    bench.dbt("build", *UNTESTED)
    assert bench.query("select count(*) from raw_blog.votes") == [(1,)]
    assert bench.query("select distinct lake from raw_lake.built") == [(str(bench.lake),)]


def test_a_lost_vote_shows_in_the_accounting(own_project: Workbench) -> None:
    bench = own_project
    model = bench.project / "models" / "marts" / "blog" / "votes.sql"
    model.write_text(
        model.read_text().rstrip() + "\nwhere latest.vote_id <> 2\n",
    )
    bench.write("a.jsonl", [vote(1), vote(2)])
    failed = bench.casebook("build", status=1)
    assert "row_accounting_items_have_one_outcome_each" in failed.stderr


def test_what_a_model_depends_on_changes_and_it_is_refreshed_in_full(
    own_project: Workbench,
) -> None:
    bench = own_project
    project, of_votes = bench.project, ("--select", "+votes", *UNTESTED)
    bench.write("a.jsonl", [vote(1), vote(2, VoteTypeId="3")])
    bench.casebook("build", *of_votes)
    # Rows that only a full refresh would write again.
    with duckdb.connect(str(bench.warehouse)) as connection:
        connection.execute("update blog_analysis.votes set post_id = 0")

    def edit(name: str, change: Callable[[str], str]) -> None:
        path = project / name
        path.write_text(change(path.read_text()))

    def refreshed() -> set[str]:
        shown = bench.casebook("build", *of_votes).stderr
        return set(re.findall(r"full refresh of (\w+): its SQL", shown))

    every = {"int_blog__vote_records", "int_blog__votes_superseded", "votes"}
    assert refreshed() == set()
    assert bench.query("select distinct post_id from blog_analysis.votes") == [(0,)]

    edit("seeds/vote_types.csv", lambda text: text.replace("DownMod", "Downvote"))
    assert refreshed() == {"votes"}
    assert bench.query("select post_id, vote_type from blog_analysis.votes order by all") == [
        (101, "UpMod"),
        (102, "Downvote"),
    ]

    edit("models/marts/blog/votes.sql", lambda text: text + "\n-- Another reason.\n")
    assert refreshed() == {"votes"}

    edit("macros/fields/cast_timestamp.sql", lambda text: text.replace("[T ]", "[Tt ]"))
    assert refreshed() == every

    edit("macros/fields/quotient.sql", lambda text: text + "\n{#- Not used by votes. -#}\n")
    assert refreshed() == set()

    edit("models/staging/blog/_blog__sources.yml", lambda text: text.replace("[Id]", "[PostId]"))
    assert refreshed() == every

    edit(
        "models/intermediate/blog/int_blog__votes_superseded.sql",
        lambda text: text + "\n-- {{ var('outlier_deviation') }}\n",
    )
    assert refreshed() == {"int_blog__votes_superseded", "votes"}
    edit("dbt_project.yml", lambda text: text.replace("deviation: 0.2", "deviation: 0.3"))
    assert refreshed() == {"int_blog__votes_superseded", "votes"}
    assert refreshed() == set()


def test_a_build_over_another_lake_is_a_full_refresh(built: Workbench) -> None:
    built.raw, built.lake = built.root / "raw2", built.root / "lake2"
    built.write("a.jsonl", [vote(5)])
    shown = built.casebook("build").stderr
    assert f"full refresh of votes: it was built over another lake, {built.root / 'lake'}" in shown
    assert built.query("select vote_id from blog_analysis.votes") == [(5,)]


def test_a_build_reads_what_was_pinned_and_leaves_the_rest_to_the_next(built: Workbench) -> None:
    built.write("b.jsonl", [vote(3)])
    built.casebook("load")
    assert built.query("select count(*) from raw_blog.votes") == [(2,)]
    built.casebook("outliers")
    assert built.query("select count(*) from raw_blog.votes") == [(2,)]
    assert built.query("select count(*) from blog_analysis.votes") == [(2,)]
    built.casebook("build")
    assert built.query("select count(*) from raw_blog.votes") == [(3,)]


def test_an_incremental_build_tests_the_keys_that_it_touched(bench: Workbench) -> None:
    bench.write("a.jsonl", [vote(1), vote(2), vote(9, PostId="x")])
    bench.casebook("build", *UNTESTED)
    with duckdb.connect(str(bench.warehouse)) as connection:
        connection.execute("insert into blog_analysis.votes from blog_analysis.votes")
    bench.write("b.jsonl", [vote(3)])
    select = ["--select", "int_blog__vote_records", "int_blog__votes_superseded", "votes"]
    # The audit is of the build before, and says so.
    assert "rejected as of build 1, most" in bench.casebook("build", *select).stdout
    assert "these are as of build 1;" in bench.casebook("rejects").stderr
    assert bench.query("select distinct build_number from audit.row_accounting") == [(1,)]
    bench.write("c.jsonl", [vote(2)])
    # The touched vote is replaced, so that only what was not touched stands there twice.
    bench.casebook("build", *select)
    failed = bench.dbt("test", "--select", "votes", status=1)
    assert "votes_have_one_row_per_vote_id" in failed.stdout


def test_the_build_writes_down_what_it_was(bench: Workbench) -> None:
    bench.write("a.jsonl", [vote(1)])
    started = time.time()
    bench.casebook("build")
    ((engine, versions, since, seconds, rows, passed, failed),) = bench.query(
        "select engine, versions, epoch(started_at), seconds, rows_per_mart, tests_passed,"
        " tests_failed from audit.builds"
    )
    assert engine == "duckdb"
    assert f"duckdb v{duckdb.__version__}" in versions
    assert started <= since <= time.time()
    assert 0 < seconds < time.time() - started
    assert json.loads(rows)["blog_analysis.votes"] == 1
    assert passed > 20
    assert failed == 0


def test_a_log_that_is_left_over_is_taken_in_once(built: Workbench) -> None:
    # As a `dbt build` that was killed in its middle leaves it.
    code = (
        f"import duckdb, os; connection = duckdb.connect({str(built.warehouse)!r});"
        " connection.execute('create table audit.left_over as select 1'); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code], check=False)
    log = built.root / "warehouse.db.wal"
    assert log.exists()
    built.write("b.jsonl", [vote(3)])
    built.casebook("build", *UNTESTED)
    assert not log.exists()
    assert built.query("select count(*) from blog_analysis.votes") == [(3,)]
    assert built.query("select count(*) from audit.left_over") == [(1,)]


def test_a_build_and_a_bare_dbt_build_exclude_each_other(built: Workbench) -> None:
    built.write("b.jsonl", [vote(3)])
    with held(built.warehouse):
        assert built.query("select count(*) from blog_analysis.votes") == [(2,)]
        refused = built.dbt("run", "--select", "votes", status=2)
        assert "Could not set lock" in refused.stdout + refused.stderr
    writer = f"import duckdb; c = duckdb.connect({str(built.warehouse)!r}); print(1); input()"
    with subprocess.Popen(
        [sys.executable, "-uc", writer], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "1\n"
        refused = built.casebook("build", status=1)
        other.communicate("\n")
    assert "another program is writing this warehouse, such as `dbt build`" in refused.stderr
    assert not list(built.root.glob("*_candidate*"))
    built.warehouse.unlink()
    with held(built.warehouse):
        refused = built.dbt("run", "--select", "votes", status=2)
        assert "Could not set lock" in refused.stdout + refused.stderr
    assert not built.warehouse.exists()


def test_builds_of_two_warehouses_of_a_project_take_turns_at_dbts_results(
    bench: Workbench,
) -> None:
    bench.write("a.jsonl", [vote(1)])
    results = bench.root / "target" / "build" / "run_results.json"
    results.parent.mkdir(parents=True, exist_ok=True)
    results.write_text("of another build")
    build = [str(Path(sys.executable).with_name("casebook")), "build", *UNTESTED]
    environment = bench.environment | {"PWD": str(bench.project)}
    with results.with_name(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = subprocess.Popen(build, cwd=bench.project, env=environment)
        waits = f"-> FLOCK  ADVISORY  WRITE {process.pid} "
        while waits not in Path("/proc/locks").read_text():
            assert process.poll() is None
            time.sleep(0.05)
        assert results.read_text() == "of another build"
    assert process.wait() == 0
    assert bench.query("select count(*) from blog_analysis.votes") == [(1,)]


def test_a_warehouse_that_is_built_again_and_again_stays_small(bench: Workbench) -> None:
    bench.write("a.jsonl", [vote(number) for number in range(20_000)])
    bench.casebook("build", *UNTESTED)
    fresh = bench.warehouse.stat().st_size
    before = bench.blog_marts()
    for _ in range(3):
        bench.casebook("build", "--force", "--full-refresh", *UNTESTED)
        assert bench.warehouse.stat().st_size <= 1.3 * fresh
    after = bench.blog_marts()
    assert after == before
    # Tables keep the order of their rows, and the descriptions that dbt wrote.
    assert bench.query(
        "select count(*) from duckdb_columns() where schema_name = 'blog_analysis'"
        " and comment is not null"
    ) >= [(10,)]


def test_a_purge_leaves_no_trace(bench: Workbench) -> None:
    secret = "Ada Lovelace, London"
    bench.write("a.jsonl", [vote(1), vote(2, PostId=secret)])
    bench.write("b.jsonl", [vote(3, UserId=secret)])
    bench.casebook("build")
    assert "a.jsonl" in bench.casebook("build", "--check", secret, status=1).stderr
    bench.write("a.jsonl", [vote(1)])
    (bench.raw / "blog" / "votes" / "b.jsonl").unlink()
    purged = bench.casebook("build", "--purge", "--check", secret)
    assert "not found in lake and warehouse" in purged.stdout
    assert bench.query("select vote_id from blog_analysis.votes") == [(1,)]
    # Nor does any byte of what lies there hold it.
    for path in [bench.warehouse, *bench.lake.rglob("*")]:
        assert path.is_dir() or secret.encode() not in path.read_bytes(), path


def test_a_build_of_the_same_is_left_out_with_its_warnings_and_status(bench: Workbench) -> None:
    bench.write("bad.jsonl.gz", b"\x1f\x8b\x08 and no more")
    bench.write("a.jsonl", [vote(1), vote(2, PostId="x")] * 30)
    first = bench.casebook("build", status=3)
    before = bench.warehouse.read_bytes()
    started, bench.starts_anew = os.times(), True
    again = bench.casebook("build", status=3)
    spent, bench.starts_anew = os.times(), False
    assert bench.warehouse.read_bytes() == before
    assert "nothing has changed" in again.stdout
    assert [one for one in first.stderr.splitlines() if "warning" in one] == [
        one for one in again.stderr.splitlines() if "warning" in one
    ]
    assert spent.children_user - started.children_user < 2
    for more in (["--force"], ["--select", "votes"], []):
        assert "published" in bench.casebook("build", *more, status=3).stdout
    bench.dbt("run", "--select", "votes")
    assert "published" in bench.casebook("build", status=3).stdout
    bench.write("b.jsonl", [vote(3)])
    narrow = bench.casebook("build", status=3)
    assert "only what depends on blog.votes was built" in narrow.stdout
    assert bench.query("select count(*) from blog_analysis.votes") == [(2,)]
    # As a whole build has it, with the warnings of tests that did not run.
    marts, warned = bench.blog_marts(), re.findall("warning.*", narrow.stderr)
    whole = bench.casebook("build", "--force", status=3)
    assert "only what depends" not in whole.stdout
    assert (bench.blog_marts(), re.findall("warning.*", whole.stderr)) == (marts, warned)
    (bench.raw / "blog" / "votes" / "b.jsonl").write_bytes(b'{"Id": 3')
    # What was built of some models only is built on as a whole.
    bench.casebook("build", "--select", "votes", status=3)
    assert "only what depends" not in bench.casebook("build", status=3).stdout


def test_a_tidy_project_folder(bench: Workbench) -> None:
    before = {path.name for path in bench.project.iterdir()}
    bench.write("a.jsonl", [vote(1)])
    bench.casebook("build", "-q")
    assert {path.name for path in bench.project.iterdir()} == before
    assert sorted(path.name for path in bench.root.iterdir()) == [
        "lake",
        "logs",
        "raw",
        "target",
        "warehouse.db",
        "warehouse.db.lock",
    ]


def test_an_empty_build_checks_the_sql_without_a_lake(bench: Workbench) -> None:
    bench.dbt("build", "--empty", "--exclude-resource-type", "unit_test")
    assert bench.query("select count(*) from raw_lake.built") == [(0,)]
    bench.write("a.jsonl", [vote(1)])
    bench.casebook("build", *UNTESTED)
    assert bench.query("select count(*) from blog_analysis.votes") == [(1,)]
