"""`casebook recommend`: the recommendations that the API answers, on the command line."""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from marts import LARGEST, RECOMMENDED, TITLES, as_csv
from workbench import Workbench

COLUMNS = ["title", "rating"]


@pytest.mark.parametrize(
    ("user", "threshold"),
    [
        (1, None),
        (1, "0"),
        (1, "4.5"),
        (1, "4.500001"),
        (2, None),
        (3, "5"),
        (LARGEST, None),
        (99, "0"),
    ],
)
def test_it_prints_what_is_above_the_threshold_best_first(built_marts, user, threshold):
    options = [] if threshold is None else ["--threshold", threshold]
    printed = built_marts.casebook("recommend", str(user), *options).stdout
    assert printed == as_csv(
        COLUMNS,
        [
            (TITLES[course], Decimal(rating))
            for of, course, rating in RECOMMENDED
            if of == user and Decimal(rating) > Decimal(threshold or "4.5")
        ],
    )


def test_an_id_below_zero_is_not_an_option(built_marts):
    printed = built_marts.casebook("recommend", "--", "-5").stdout
    assert printed == "title,rating\nA first,4.750000\n"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("x",), ("USER_ID", "'x'", "whole number")),
        (("",), ("USER_ID", "whole number")),
        (("1.0",), ("USER_ID", "1.0")),
        ((str(2**63),), ("USER_ID", str(2**63))),
        (("1' or 1=1 --",), ("USER_ID", "or 1=1")),
        (("1", "--threshold", "x"), ("--threshold", "'x'", "0 to 5")),
        (("1", "--threshold", ""), ("--threshold", "0 to 5")),
        (("1", "--threshold", "5.1"), ("--threshold", "5.1", "0 to 5")),
        (("1", "--threshold", "4.1234567"), ("--threshold", "6 decimals")),
        (("1", "--threshold", "1e0"), ("--threshold", "1e0")),
    ],
)
def test_a_wrong_value_is_named_with_what_is_expected(built_marts, arguments, named):
    failed = built_marts.casebook("recommend", *arguments, status=2)
    assert failed.stdout == ""
    said = " ".join(failed.stderr.replace("│", " ").split())
    for text in named:
        assert text in said


def test_without_a_warehouse_it_says_what_to_do(tmp_path):
    failed = Workbench(tmp_path).casebook("recommend", "1", status=1)
    assert "casebook build" in failed.stderr


def test_without_the_courses_it_says_what_is_missing_and_what_to_do(built_marts, tmp_path):
    bench = Workbench(tmp_path)
    shutil.copy(built_marts.warehouse, bench.warehouse)
    with duckdb.connect(str(bench.warehouse)) as connection:
        connection.execute("drop macro table courses.recommendations_for_user")
    failed = bench.casebook("recommend", "1", status=1)
    assert failed.stdout == ""
    assert "courses.recommendations_for_user" in failed.stderr
    assert "casebook build" in failed.stderr
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
