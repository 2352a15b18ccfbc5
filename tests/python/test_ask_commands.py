"""`casebook ctr`, `recommend` and `sql`: what the API answers, and more, on the command line."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from casebook.cli.main import app
from casebook.errors import CasebookError
from marts import LARGEST, RECOMMENDED, TITLES
from shop import END, KNOWN, RATES, START, TIME, as_csv
from typer.testing import CliRunner, Result
from workbench import Workbench

RANGE = (START.strftime(TIME), END.strftime(TIME))
HALF = (START + timedelta(hours=10)).strftime(TIME)
TOP = "from blog_analysis.weekly_votes order by vote_count desc, year, week_number limit 10"
Ask = Callable[..., Result]


@pytest.fixture
def ask(built_marts) -> Ask:
    """A command in this process, given what it is to exit with."""

    def run(*arguments: str, status: int = 0) -> Result:
        environment = {"CASEBOOK_WAREHOUSE": str(built_marts.warehouse), "COLUMNS": "200"}
        result = CliRunner().invoke(app, arguments, env=environment)
        assert result.exit_code == status, (result.output, result.exception)
        assert not status or result.stdout == ""
        return result

    return run


@pytest.mark.parametrize(
    ("options", "values"),
    [
        ((), {}),
        (("--product", KNOWN), {"product": KNOWN}),
        (("--platform", "iOS"), {"platform": "iOS"}),
        (("--product", "nobody's"), {"product": "nobody's"}),
    ],
)
def test_ctr_prints_the_rates_as_comma_separated_values(ask, shop, options, values):
    assert ask("ctr", *RANGE, "60", *options).stdout == as_csv(RATES, shop.rates(**values))


def test_the_end_is_not_in_the_range(ask, shop):
    printed = ask("ctr", RANGE[0], HALF, "60").stdout
    assert printed == as_csv(RATES, shop.rates(end=START + timedelta(hours=10)))
    assert HALF not in printed


@pytest.mark.parametrize(
    ("user", "threshold"),
    [
        *((1, threshold) for threshold in (None, "0", "4.5", "4.500001")),
        *((user, None) for user in (2, LARGEST, -5)),
        (3, "5"),
        (99, "0"),
    ],
)
def test_recommend_prints_what_is_above_the_threshold_best_first(ask, user, threshold):
    options = [] if threshold is None else ["--threshold", threshold]
    # An id below zero is no option.
    assert ask("recommend", *options, "--", str(user)).stdout == as_csv(
        ["title", "rating"],
        [
            (TITLES[course], Decimal(rating))
            for of, course, rating in RECOMMENDED
            if of == user and Decimal(rating) > Decimal(threshold or "4.5")
        ],
    )


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("ctr", "yesterday", RANGE[1], "60"), ("START", "yesterday", "2016-01-03 13:55:00")),
        (("ctr", RANGE[0], "tomorrow", "60"), ("END", "tomorrow")),
        (("ctr", RANGE[1], RANGE[0], "60"), ("END", RANGE[0], "after")),
        (("ctr", *RANGE, "0"), ("MINUTES", "0", "whole number")),
        (("ctr", *RANGE, "x"), ("MINUTES", "x")),
        (("ctr", RANGE[0], "9999-01-01 00:00:00", "1"), ("MINUTES", "1,000,000")),
        (("ctr", *RANGE, "60", "--platform", "Desktop"), ("--platform", "Desktop", "MobileWeb")),
        (("ctr", *RANGE, "60", "--product", ""), ("--product",)),
        (("recommend", "x"), ("USER_ID", "'x'", "whole number")),
        (("recommend", ""), ("USER_ID", "whole number")),
        (("recommend", "1.0"), ("USER_ID", "1.0")),
        (("recommend", str(2**63)), ("USER_ID", str(2**63))),
        (("recommend", "1' or 1=1 --"), ("USER_ID", "or 1=1")),
        (("recommend", "1", "--threshold", "x"), ("--threshold", "'x'", "0 to 5")),
        (("recommend", "1", "--threshold", ""), ("--threshold", "0 to 5")),
        (("recommend", "1", "--threshold", "5.1"), ("--threshold", "5.1", "0 to 5")),
        (("recommend", "1", "--threshold", "4.1234567"), ("--threshold", "6 decimals")),
        (("recommend", "1", "--threshold", "1e0"), ("--threshold", "1e0")),
    ],
)
def test_a_wrong_value_is_named_with_what_is_expected(ask, arguments, named):
    said = " ".join(ask(*arguments, status=2).stderr.replace("│", " ").split())
    for text in named:
        assert text in said


@pytest.mark.parametrize("arguments", [("recommend", "1"), ("ctr", *RANGE, "60")])
def test_without_a_warehouse_or_the_mart_it_says_what_to_do(built_marts, tmp_path, arguments):
    bench = Workbench(tmp_path)
    assert "casebook build" in bench.casebook(*arguments, status=1).stderr
    shutil.copy(built_marts.warehouse, bench.warehouse)
    function = {"recommend": "courses.recommendations_for_user", "ctr": "storefront.ctr"}
    lacking = function[arguments[0]]
    with duckdb.connect(str(bench.warehouse)) as connection:
        connection.execute(f"drop macro table {lacking}")
    failed = bench.casebook(*arguments, status=1)
    assert failed.stdout == ""
    for text in (lacking, "casebook build"):
        assert text in failed.stderr
    assert "Traceback" not in failed.stderr


def test_it_prints_a_table_on_a_terminal(built_marts):
    ours, its = pty.openpty()
    program = str(Path(sys.executable).with_name("casebook"))
    environment = built_marts.environment | {"TERM": "xterm", "COLUMNS": "80"}
    subprocess.run(
        [program, "recommend", "1"],
        stdin=subprocess.DEVNULL,
        stdout=its,
        cwd=built_marts.project,
        env=environment,
        timeout=60,
        check=True,
    )
    printed = os.read(ours, 10_000).decode()
    os.close(its)
    os.close(ours)
    words = [re.sub(r"\x1b\[[0-9;]*m", "", line).split() for line in printed.splitlines()]
    assert words == [
        ["title", "rating"],
        ["Intro", "to", "SQL", "4.900000"],
        ["Only", "just", "4.500001"],
    ]


def test_an_analysis_answers_by_its_name(ask, built_marts):
    printed = ask("sql", "busiest_weeks").stdout.splitlines()
    assert printed[0] == "year,week_number,vote_count,times_the_average"
    expected = built_marts.query(f"select year, week_number, vote_count {TOP}")
    assert [tuple(map(int, line.split(",")[:3])) for line in printed[1:]] == expected


def test_a_query_is_printed_or_written_in_each_format(ask, built_marts, tmp_path):
    # What a spreadsheet would take for a formula is written as it is, too.
    query = f"""select year, vote_count, '=HYPERLINK("x", "y")' as link {TOP}"""
    expected = built_marts.query(query)
    lines = ask("sql", query, "--format", "json").stdout.splitlines()
    assert [tuple(json.loads(line).values()) for line in lines] == expected
    names = ["a.csv", "a.json", "a.parquet"]
    for name in names:
        ask("sql", query + ";", "-o", str(tmp_path / name))
        assert duckdb.sql(f"from '{tmp_path / name}'").fetchall() == expected
    # A file is there as a whole or not at all.
    late = "select if(n > 300000, error('half'), n) as n from range(400000) as numbers (n)"
    for name in names:
        ask("sql", late, "-o", str(tmp_path / name), status=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert duckdb.sql(f"from '{tmp_path / 'a.csv'}'").fetchall() == expected
    file = tmp_path / "own.sql"
    file.write_text("select count(*) as n from {{ ref('weekly_votes') }}")
    ((number,),) = built_marts.query("select count(*) from blog_analysis.weekly_votes")
    assert ask("sql", str(file)).stdout == f"n\n{number}\n"
    ask("sql", query, "-o", "memory://bucket/a.parquet")


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
def test_what_cannot_be_answered_is_one_error(ask, query, named):
    error = ask("sql", query, status=1).exception
    assert isinstance(error, CasebookError)
    assert named in str(error)


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
