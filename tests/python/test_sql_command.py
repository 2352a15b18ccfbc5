"""`casebook sql`: queries over the published warehouse."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

TOP = "from blog_analysis.weekly_votes order by vote_count desc, year, week_number limit 10"


def test_an_analysis_answers_by_its_name(built_marts):
    printed = built_marts.casebook("sql", "busiest_weeks").stdout.splitlines()
    assert printed[0] == "year,week_number,vote_count,times_the_average"
    expected = built_marts.query(f"select year, week_number, vote_count {TOP}")
    assert [tuple(map(int, line.split(",")[:3])) for line in printed[1:]] == expected


def test_a_query_is_printed_or_written_in_each_format(built_marts, tmp_path):
    # What a spreadsheet would take for a formula is written as it is, too.
    query = f"""select year, vote_count, '=HYPERLINK("x", "y")' as link {TOP}"""
    expected = built_marts.query(query)
    lines = built_marts.casebook("sql", query, "--format", "json").stdout.splitlines()
    assert [tuple(json.loads(line).values()) for line in lines] == expected
    for name in ("a.csv", "a.json", "a.parquet"):
        built_marts.casebook("sql", query + ";", "-o", str(tmp_path / name))
        assert duckdb.sql(f"from '{tmp_path / name}'").fetchall() == expected
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "a.json", "a.parquet"]
    file = tmp_path / "own.sql"
    file.write_text("select count(*) as n from {{ ref('weekly_votes') }}")
    ((number,),) = built_marts.query("select count(*) from blog_analysis.weekly_votes")
    assert built_marts.casebook("sql", str(file)).stdout == f"n\n{number}\n"
    built_marts.casebook("sql", query, "-o", "memory://bucket/a.parquet")


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("nobodys_analysis", "busiest_weeks"),
        ("select * from nothing", "nothing"),
        ("select 1 from {{ ref('nothing') }}", "casebook build"),
        ("create table t as select 1 as n", "read-only"),
        ("delete from audit.builds", "read-only"),
    ],
)
def test_what_cannot_be_answered_is_one_error(built_marts, query, named):
    failed = built_marts.casebook("sql", query, status=1)
    assert failed.stdout == ""
    assert named in failed.stderr
    assert "Traceback" not in failed.stderr


def test_the_prompt_reads_queries_up_to_a_semicolon(built_marts):
    done = subprocess.run(
        [str(Path(sys.executable).with_name("casebook")), "sql"],
        input="select 1\nas one;\nselect broken;\nselect 2 as two",
        env=built_marts.environment,
        cwd=built_marts.project,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "one\n1\ntwo\n2\n"
    assert "broken" in done.stderr
