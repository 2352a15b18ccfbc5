"""The command line: what it prints, where, and with which exit status."""

from __future__ import annotations

import ast
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
import typer.main
from casebook.ask.trace import trace
from casebook.cli.main import app
from casebook.errors import CasebookError
from casebook.settings import find_settings
from casebook.sources import read_sources
from typer.testing import CliRunner
from workbench import PROJECT, UNTESTED, Workbench, copy_project, vote

PACKAGE = PROJECT / "scripts" / "casebook"
# The commands of three cases: nothing but their own lines names one.
OF_A_CASE = ("ctr", "outliers", "recommend")


def test_every_command_has_help() -> None:
    for command in typer.main.get_command(app).commands:
        assert "Usage: casebook" in CliRunner().invoke(app, [command, "--help"]).output


def test_wrong_usage_ends_with_status_2(bench: Workbench) -> None:
    assert "No such option" in bench.casebook("load", "--nonsense", status=2).stderr
    assert "No such command" in bench.casebook("nonsense", status=2).stderr


def test_the_version() -> None:
    assert Workbench(Path()).casebook("--version").stdout.startswith("casebook 0.")


def test_a_build_of_nothing_is_an_error_and_publishes_nothing(bench: Workbench) -> None:
    bench.write("a.jsonl", [vote(1)])
    nothing = bench.casebook("build", "--select", "nosuch", status=1)
    assert "the selection names no model" in nothing.stderr
    wrong = bench.casebook("build", "--nosuch", status=1)
    assert "--nosuch" in wrong.stderr
    assert "dbt could not run" in wrong.stderr
    assert sorted(path.name for path in bench.root.glob("warehouse*")) == ["warehouse.db.lock"]


def test_an_error_goes_to_stderr_with_its_fix_and_status_1(bench: Workbench) -> None:
    failed = bench.casebook("load", status=1)
    assert failed.stdout == ""
    assert str(bench.raw) in failed.stderr
    assert "Fix:" in failed.stderr
    failed = bench.casebook("rejects", status=1)
    assert "there is no such lake" in failed.stderr
    assert "Traceback" not in failed.stderr


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    """A fresh clone right after `make build`, with no variable set."""
    project = tmp_path_factory.mktemp("clone") / "casebook"
    bench = Workbench(project, copy_project(project, "blog"), defaults=True)
    shutil.copytree(PROJECT / "sample" / "blog", project / "sample" / "blog")
    built = bench.casebook("build", "--sample")
    assert "raw files: sample, lake: target/sample_lake\n" in built.stderr
    return bench


def test_what_is_published_is_asked_where_it_was_built_from(fresh: Workbench) -> None:
    traced = fresh.casebook("trace", "votes", "1").stdout
    ((file,),) = fresh.query("select source_file from blog_analysis.votes where vote_id = 1")
    assert f"raw file         {file}" in traced
    assert "original text    {" in traced
    on = "raw files: sample, lake: target/sample_lake\n"
    loaded = fresh.casebook("load")
    assert loaded.stderr == on
    assert "12 unchanged" in loaded.stdout
    replayed = fresh.casebook("replay")
    assert replayed.stderr == on
    assert "blog.votes,8,36,0,36" in replayed.stdout
    assert fresh.casebook("rejects").stderr == on
    drafted = fresh.casebook("declare", f"raw/{file}", "--table", "blog.more", "--print").stdout
    assert "- name: more" in drafted
    out = fresh.root / "combined"
    combined = fresh.casebook("combine", "raw/blog", str(out), "--skip-bad").stdout
    assert "votes,12,5027,36," in combined
    assert "nothing has changed" in fresh.casebook("build").stdout
    assert "nothing has changed" in fresh.casebook("build", "--sample").stdout
    assert not (fresh.root / "lake").exists()
    assert not (fresh.root / "raw").exists()


def test_deliveries_of_yours_are_loaded_and_what_is_published_stays(
    fresh: Workbench, tmp_path: Path
) -> None:
    project = Path(shutil.copytree(fresh.root, tmp_path / "clone", symlinks=True))
    bench = Workbench(project, project, defaults=True)
    (bench.raw / "blog").mkdir(parents=True)
    (bench.raw / "blog" / ".gitkeep").touch()
    (bench.raw / "README.md").touch()
    assert bench.casebook("load").stderr.startswith(f"raw files: {fresh.root}/sample, lake:")
    bench.write("a.jsonl", [vote(1), vote(7, PostId="x")])
    assert "there is no such lake" in bench.casebook("replay", status=1).stderr
    assert "there is no such lake" in bench.casebook("rejects", status=1).stderr
    assert bench.casebook("load").stderr == "raw files: raw, lake: lake\n"
    assert "nothing is built from this lake yet" in bench.casebook("rejects").stderr
    assert f"{fresh.root}/sample" not in bench.casebook("trace", "votes", "1").stdout
    assert "original text    {" in bench.casebook("trace", "votes", "1").stdout


def test_options_win_over_the_environment(bench: Workbench) -> None:
    other = bench.root / "other"
    bench.casebook("sample", str(other / "raw"))
    shown = bench.casebook("load", "--raw", str(other / "raw"), "--lake", str(other / "lake"))
    assert "blog.votes,12 new,5027,36,5027,36" in shown.stdout.splitlines()
    assert not bench.lake.exists()


@pytest.mark.parametrize(
    "command",
    [("load",), ("build",), ("replay",), ("rejects",), ("trace", "votes", "1")],
    ids=lambda command: command[0],
)
def test_a_lake_at_an_address_is_for_spark_alone(
    built: Workbench, command: tuple[str, ...]
) -> None:
    bench = built
    before = set(bench.root.rglob("*"))
    failed = bench.casebook(*command, "--lake", "s3a://bucket/lake/", status=1)
    assert failed.stdout == ""
    assert failed.stderr == (
        "error s3a://bucket/lake: the lake is at an address, which only Spark reads\n"
        "Fix: run `casebook build --target spark`, or name a folder of this machine with --lake or"
        " CASEBOOK_LAKE; docs/spark.md says how such a folder is copied there\n"
    )
    assert set(bench.root.rglob("*")) == before
    assert not (bench.project / "s3a:").exists()


def test_raw_files_and_warehouse_are_never_at_an_address(bench: Workbench) -> None:
    failed = bench.casebook("load", "--raw", "hdfs://name/raw", status=1)
    assert "hdfs://name/raw: this is an address, and CASEBOOK_RAW names a path" in failed.stderr
    failed = bench.casebook("ctr", "1", "2", "3", "--warehouse", "s3a://b/w.db", status=1)
    assert "s3a://b/w.db: this is an address, and CASEBOOK_WAREHOUSE names a path" in failed.stderr
    assert "CASEBOOK_SPARK_WAREHOUSE" in failed.stderr


def test_a_file_address_is_a_path_and_others_name_their_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CasebookError, match=r"hdfs:///lake: the address names no host or bucket"):
        find_settings(lake="hdfs:///lake")
    assert find_settings(lake="hdfs://name:8020/lake").lake_place == "hdfs://name:8020/lake"
    for spelled in (f"file:{tmp_path}", f"file://{tmp_path}", str(tmp_path)):
        assert find_settings(lake=spelled).lake == tmp_path
        monkeypatch.setenv("CASEBOOK_LAKE", spelled)
        assert find_settings().environment["CASEBOOK_LAKE"] == str(tmp_path)


def test_a_load_names_what_it_left_alone(bench: Workbench) -> None:
    bench.write("a.jsonl", [vote(1, Colour="red"), vote(2)])
    bench.write("notes.docx", b"no data")
    (bench.raw / "blog" / "others").mkdir()
    (bench.raw / "blog" / "others" / "x.csv").write_text("a,b\n")
    loaded = bench.casebook("load", status=1)
    assert "ignored in blog/votes/a.jsonl: Colour" in loaded.stdout
    assert "not declared by any source: blog/others/" in loaded.stdout
    assert "refused blog/votes/notes.docx: no reader for .docx" in loaded.stderr
    assert bench.casebook("load", "--quiet", "blog.votes", status=1).stdout == ""


def test_trace_shows_the_file_the_record_and_the_original_text(bench: Workbench) -> None:
    records = [vote(1), vote(2, UserId="7"), vote(3)]
    bench.write("lines.jsonl", b'\n{"Id": "1"\n' + json.dumps(records[1]).encode())
    bench.write("array.json", json.dumps([records[2], vote(4)], indent=2).encode())
    bench.casebook("build", *UNTESTED)
    shown = bench.casebook("trace", "votes", "2").stdout
    assert "raw file         blog/votes/lines.jsonl" in shown
    assert "record           2" in shown
    assert f"original text    {json.dumps(records[1])}" in shown
    shown = bench.casebook("trace", "blog_analysis.votes", "4").stdout
    assert "record           2" in shown
    assert '"PostId": "104",\n' in shown
    (bench.raw / "blog" / "votes" / "array.json").write_text("[]")
    shown = bench.casebook("trace", "votes", "3").stdout
    assert "has changed since it was landed" in shown
    assert '"Id": "3", "PostId": "103"' in shown
    assert "no row whose vote_id is 9" in bench.casebook("trace", "votes", "9", status=1).stderr
    missing = bench.casebook("trace", "nothing", "9", status=1).stderr
    assert "the marts that do: blog_analysis.outlier_weeks, blog_analysis.votes" in missing
    assert "record           2" in bench.casebook("trace", "votes", "2", "102").stdout
    other = bench.casebook("trace", "votes", "2", "103", status=1).stderr
    assert "no row whose vote_id is 2 and post_id is 103" in other
    too_long = bench.casebook("trace", "votes", *"123456789", status=1).stderr
    assert "no key of 9 columns" in too_long
    assert "its first columns: vote_id, post_id, vote_type_id, vote_type," in too_long


def test_a_name_that_two_marts_have_is_not_guessed_at() -> None:
    with duckdb.connect() as connection:
        connection.execute(
            "create schema audit; create table audit.declarations"
            " (name text, relation text, access text, keys text, meta text)"
        )
        for schema in ("movies", "music_store"):
            connection.execute(
                f"create schema {schema};"
                f"create table {schema}.genres as select 1 as genre_id, 'a.csv' as source_file;"
                "insert into audit.declarations values"
                f" ('{schema}', '{schema}.genres', 'public', '[]', '{{}}')"
            )
        with pytest.raises(CasebookError, match=r"movies\.genres and music_store\.genres"):
            trace(connection, "genres", ["1"])


def test_rejects_counts_by_file_and_reason_and_shows_the_text(bench: Workbench) -> None:
    bench.write("a.jsonl", [vote(1), vote(2, PostId="@"), vote(3, PostId="@")])
    bench.casebook("build", "-q", *UNTESTED)
    lines = bench.casebook("rejects").stdout.splitlines()
    assert lines[0] == "file,stage,reason,records,share,example"
    assert lines[1].startswith("blog/votes/a.jsonl,rejected,PostId: not_an_integer,2,66.7%,")
    assert bench.casebook("rejects", "blog").stdout.splitlines() == lines
    unknown = bench.casebook("rejects", "blog.other", status=1)
    assert "no source declares blog.other" in unknown.stderr
    text = bench.casebook("rejects", "blog.votes", "--text").stdout
    assert "blog/votes/a.jsonl: record 2: rejected: PostId: not_an_integer" in text
    assert '"PostId":"@"' in text


def texts_of(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Names and texts of a module, docstrings and what is printed as help apart."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.keyword) and node.arg == "help":
            continue
        if isinstance(node, ast.FunctionDef) and node.name in OF_A_CASE:
            continue
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
        for name in ("id", "attr", "arg", "name", "module"):
            if isinstance(text := getattr(node, name, None), str):
                yield getattr(node, "lineno", 0), text
        yield from texts_of(node)


def test_nothing_in_the_package_names_a_case() -> None:
    names = {table.source for table in read_sources(PROJECT).values()} | {"blog_analysis"}
    marts = {path.stem for path in (PROJECT / "models" / "marts").glob("[!a]*/*.sql")}
    word = re.compile(rf"\b({'|'.join(names | {mart for mart in marts if '_' in mart})})\b")
    found = [
        f"{path.relative_to(PACKAGE)}:{line}: {text}"
        for path in PACKAGE.rglob("*.py")
        for line, text in texts_of(ast.parse(path.read_text()))
        if word.search(text)
    ]
    assert found == []


def test_the_sample_says_what_it_planted(bench: Workbench) -> None:
    lines = bench.casebook("sample", str(bench.raw), "--scale", "0.5").stdout.splitlines()
    assert lines[1] == (
        "table,files,records,quarantined,items,rejected,left_out,duplicate,superseded,redelivered,kept"
    )
    assert lines[2].startswith("blog.votes,12,2531,")
