"""`casebook ctr`: the rates that the API answers, on the command line."""

from __future__ import annotations

from datetime import timedelta

import pytest
from shop import END, KNOWN, START, TIME, as_csv
from workbench import Workbench

RANGE = (START.strftime(TIME), END.strftime(TIME))


@pytest.mark.parametrize("values", [{}, {"product": KNOWN}, {"platform": "iOS"}], ids=str)
def test_it_prints_the_rates_as_comma_separated_values(built_shop, shop, values):
    options = [part for name, value in values.items() for part in (f"--{name}", value)]
    printed = built_shop.casebook("ctr", *RANGE, "60", *options).stdout
    assert printed == as_csv(shop.rates(**values))


def test_it_prints_the_headers_where_there_is_nothing(built_shop):
    printed = built_shop.casebook("ctr", *RANGE, "60", "--product", "nobody's").stdout
    assert printed == "timestamp,platform,product,CTR\n"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("yesterday", RANGE[1], "60"), ("START", "yesterday", "2016-01-03 13:55:00")),
        ((RANGE[0], "tomorrow", "60"), ("END", "tomorrow")),
        ((RANGE[1], RANGE[0], "60"), ("END", RANGE[0], "after")),
        ((*RANGE, "0"), ("MINUTES", "0", "whole number")),
        ((*RANGE, "x"), ("MINUTES", "x")),
        ((RANGE[0], "9999-01-01 00:00:00", "1"), ("MINUTES", "1,000,000")),
        ((*RANGE, "60", "--platform", "Desktop"), ("--platform", "Desktop", "MobileWeb")),
        ((*RANGE, "60", "--product", ""), ("--product",)),
    ],
)
def test_a_wrong_value_is_named_with_what_is_expected(built_shop, arguments, named):
    failed = built_shop.casebook("ctr", *arguments, status=2)
    assert failed.stdout == ""
    said = " ".join(failed.stderr.replace("│", " ").split())
    for text in named:
        assert text in said


def test_without_a_warehouse_it_says_what_to_do(tmp_path):
    failed = Workbench(tmp_path).casebook("ctr", *RANGE, "60", status=1)
    assert "casebook build" in failed.stderr


def test_the_end_is_not_in_the_range(built_shop, shop):
    end = START + timedelta(hours=10)
    printed = built_shop.casebook("ctr", RANGE[0], end.strftime(TIME), "60").stdout
    assert printed == as_csv(shop.rates(end=end))
    assert f"{end:%Y-%m-%d %H:%M:%S}" not in printed
