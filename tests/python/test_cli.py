"""The command line: what it prints, where, and with which exit status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from workbench import Workbench, project_with, vote

COMMANDS = (
    "load",
    "build",
    "outliers",
    "rejects",
    "replay",
    "trace",
    "ctr",
    "serve",
    "combine",
    "declare",
    "sample",
)


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    return Workbench(tmp_path, project_with("blog"))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(bench: Workbench, command: str) -> None:
    assert "Usage: casebook" in bench.casebook(command, "--help").stdout


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
    assert "run `casebook build`" in failed.stderr
    assert "Traceback" not in failed.stderr


def test_options_win_over_the_environment(bench: Workbench) -> None:
    other = bench.root / "other"
    bench.casebook("sample", str(other / "raw"))
    shown = bench.casebook("load", "--raw", str(other / "raw"), "--lake", str(other / "lake"))
    assert "blog.votes,16 new,4984,16,4984,16" in shown.stdout.splitlines()
    assert not bench.lake.exists()


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
    bench.casebook("build")
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
    assert "the marts that do: blog_analysis.votes" in missing


def test_rejects_counts_by_file_and_reason_and_shows_the_text(bench: Workbench) -> None:
    bench.write("a.jsonl", [vote(1), vote(2, PostId="@"), vote(3, PostId="@")])
    bench.casebook("build", "-q")
    lines = bench.casebook("rejects").stdout.splitlines()
    assert lines == [
        "file,stage,reasons,records",
        "blog/votes/a.jsonl,rejected,PostId: not_an_integer,2",
    ]
    assert bench.casebook("rejects", "blog").stdout.splitlines() == lines
    unknown = bench.casebook("rejects", "blog.other", status=1)
    assert "no source declares blog.other" in unknown.stderr
    text = bench.casebook("rejects", "blog.votes", "--text").stdout
    assert "blog/votes/a.jsonl: record 2: rejected: PostId: not_an_integer" in text
    assert '"PostId":"@"' in text


def test_the_sample_says_what_it_planted(bench: Workbench) -> None:
    lines = bench.casebook("sample", str(bench.raw), "--scale", "0.5").stdout.splitlines()
    assert lines[1] == (
        "table,files,records,quarantined,items,rejected,left_out,duplicate,superseded,redelivered,kept"
    )
    assert lines[2].startswith("blog.votes,16,2500,")
