"""Macros that hide how engines differ: asked the same, both answer the same."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from casebook import parity
from casebook.parity import Comparison
from test_spark import needs_spark, use_quick_settings
from workbench import copy_project

BLANKS = ["", " ", "\t", "\n", "\v", "\u00a0"]
NUMBERS = [
    *BLANKS, "R", "7.6", "1e3", "0x10", "infinity", "-inf", "NaN", "null", "true", "7", " 7 ",
    "\t7\r\n", "\v7", "7\f", "\u00a07", "+7", "-7", "--7", "+-7", "7-", "007", "-0", "+", "1_000",
    "1,000", "1 000", "٣", "7a", "2147483647", "2147483648", "-2147483648", "-2147483649",
    "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809",
    "99999999999999999999999999999999999999999", "1_0", "$5",
]  # fmt: skip
FRACTIONS = [
    *NUMBERS, "0.5", ".5", "5.", ".", "-.5", "0.005", "0.0049999999", "0.00499999999999999999999",
    "-0.005", "0.015", "0.025", "1.005", "2.675", "1e2", "1E+2", "1e-2", "5e-3", "4.9e-3",
    "9.3e-08", "1e99", "1e-99", "1e100", "0e0", "1e", "e1", "1.5e1", "12345678901234567.895",
    "9999999999999999.994", "9999999999999999.995", "-9999999999999999.995", "00000001.10",
    "1.2.3", "1e1.5", " 1.5\t", "1 .5",
]  # fmt: skip
DAYS = [
    *BLANKS, "2022-01-02", "2024-02-29", "2022-02-29", "2022-02-30", "1900-02-29", "2000-02-29",
    "2022-13-01", "2022-00-10", "2022-01-00", "2022-1-2", "20220102", "2022/01/02", "0001-01-01",
    "9999-12-31", "10000-01-01", "20229999-02-06", "1582-10-10", "epoch", "infinity", "today",
    " 2022-01-02", "2022-01-02 ", "2022-01-02\n", "-2022-01-02", "+2022-01-02", "２022-01-02",
]  # fmt: skip
TIMES = [
    *DAYS, "2022-01-02T03:04:05", "2022-01-02 03:04:05", "2022-01-02t03:04:05",
    "2022-01-02T03:04", "2022-01-02T03", "2022-01-02T24:00:00", "2022-01-02T23:59:60",
    "2022-01-02T03:04:05Z", "2022-01-02T03:04:05+02:00", "2022-01-02T03:04:05 UTC",
    "2022-01-02T03:04:05.", "2022-01-02T03:04:05.6", "2022-01-02T03:04:05.678",
    "2022-01-02T03:04:05.678901", "2022-02-30T00:00:00", "2022-01-02T3:04:05",
    "1969-12-31T23:59:59.999", "2022-01-02  03:04:05", "2022-01-02T03:04:05 ",
    "0001-01-01T00:00:00", "9999-12-31T23:59:59.999999",
]  # fmt: skip
EITHER_DAYS = [
    *DAYS, "1/2/2022", "01/02/2022", "2/29/2024", "2/29/2022", "13/1/2022", "1/2/22", "1/2/2022/",
    "/1/2/2022", "1/2", "//", "0/1/2022", "001/2/2022", " 1/2/2022", "1/2/2022 ", "1/-2/2022",
]  # fmt: skip
WORDS = [
    *BLANKS, "true", "TRUE", " True\t", "t", "T", "yes", "Y", "1", "false", "F", "no", "n", "0",
    "2", "tru", "truee", "on", "off", "null", "01", "\vtrue",
]  # fmt: skip
TEXTS_OF_JSON = [
    *BLANKS, "[]", " [] ", "{}", "null", "5", '"[]"', "true", "[", "[1", "[1] x", '{"a":1} x',
    "[1,2,3]", '["a",null,{"a":1}]', '[{"a":1,"b":{"c":"x"}}]', '[{"a":"1"},{"A":1}]',
    '[{"a":null,"b":5}]', '[1,"two",null,[3],{"b":"four"},{"b":{"c":5}}]',
    '[{"a":5.0},{"a":5.5},{"a":-0.25},{"a":true},{"a":"5.0"}]',
    '[{"a":9223372036854775807},{"a":1582945200000.0},{"a":1582836596112.0928}]',
    '[{"a":"Caf\\u00e9 \\"x\\" \\\\ \\n"}]', '[{"b":{"c":"\\ud83d\\ude00"}}]',
    "[{'a': 1}]", '[{"a":1}', '{"a":[1,2]}', '[[{"a":1}]]', '[{"a":{"x":1}}]',
]  # fmt: skip
IDS_AND_NAMES = [
    *TEXTS_OF_JSON, '[{"id":1,"name":"A"}]', '[{"id":"16","name":"A"},{"id":-7,"name":""}]',
    '[{"id":1,"name":"A"},null]', '[{"id":1}]', '[{"name":"A"}]', '[{"id":1,"name":null}]',
    '[{"id":null,"name":"A"}]', '[{"ID":1,"Name":"A"}]', '[{"id":1,"name":5}]',
    '[{"id":1.0,"name":"A"}]', '[{"id":1e1,"name":"A"}]', '[{"id":true,"name":"A"}]',
    '[{"id":9223372036854775808,"name":"A"}]', '[{"id":" 5 ","name":"A","x":[[{}]]}]',
]  # fmt: skip

FIELDS = "{'a': 'varchar', 'b': {'c': 'varchar'}}"
# A table for each list of texts, and what is asked of each text.
ASKED = {
    "integers": (
        NUMBERS,
        {"big": "{{ cast_integer('text') }}", "small": "{{ cast_integer('text', 'integer') }}"},
    ),
    "decimals": (
        FRACTIONS,
        {
            "cents": "{{ cast_decimal('text') }}",
            "millionths": "{{ cast_decimal('text', 18, 6) }}",
            "wide": "{{ cast_decimal('text', 38, 20) }}",
            "floor": "{{ floor_integer('text') }}",
        },
    ),
    "dates": (EITHER_DAYS, {
        "iso": "{{ cast_date('text') }}", "either": "{{ cast_iso_or_us_date('text') }}",
    }),
    "timestamps": (TIMES, {"time": "{{ cast_timestamp('text') }}"}),
    "booleans": (WORDS, {
        "truth": "{{ cast_boolean('text') }}", "unless_blank": "{{ unless_blank('text') }}",
    }),
    "json_texts": (
        TEXTS_OF_JSON,
        {
            "json": "{{ cast_json('text') }}",
            "structs": "{{ json_structs('text', " + FIELDS + ") }}",
            "record": "{{ json_record(['number', 'text']) }}",
        },
    ),
    "ids_and_names": (IDS_AND_NAMES, {"listed": "{{ json_ids_and_names('text') }}"}),
}  # fmt: skip

# Dividend, divisor: halves of both signs, thirds, nothing, no divisor, and what no bigint holds.
QUOTIENTS = [
    (1, 2), (-1, 2), (1, 3), (2, 3), (-2, 3), (0, 7), (7, 0), (None, 3), (3, None), (1, 20000),
    (1, 20001), (1, 19999), (3, 20000), (-1, 20000), (-3, 20000), (15, 1000), (1, 3000000),
    (922337203685, 7), (-922337203685, 7), (922337203685, 1), (5, 10), (1, 8), (1, 2000000),
    (-1, 2000000), (3, 2000000), (27670116110564327419, 3), (-27670116110564327419, 7),
]  # fmt: skip

# Milliseconds since 1970, and the origin of intervals of 7 minutes.
MOMENTS = [0, 1, -1, 999, 1582945200000, -62135596800000, 253402300799999, 253402300800000,
           -62135596800001, 9223372036854775807, None]  # fmt: skip

FIRST_DAY, LAST_DAY = dt.date(1900, 1, 1), dt.date(2100, 12, 31)


def write_models(folder: Path) -> None:
    """The questions as models, which both engines build."""
    folder.mkdir()
    models = {
        name: model(
            [f"{{{{ literal({json.dumps(text, ensure_ascii=False)}) }}}}" for text in texts]
            + ["cast(null as string)"],
            "number, text",
            {"number": "number", "text": "text", **asked},
        )
        for name, (texts, asked) in ASKED.items()
    }
    models["quotients"] = model(
        [f"{null_or(a, 'decimal(38, 0)')}, {null_or(b, 'bigint')}" for a, b in QUOTIENTS],
        "number, dividend, divisor",
        {
            "number": "number",
            "four": "case when abs(dividend) < 1000000000000 then "
            "{{ quotient('dividend', 'divisor', 4) }} end",
            "six": "{{ quotient('dividend', 'divisor', 6, 38) }}",
        },
    )
    models["moments"] = model(
        [null_or(moment, "bigint") for moment in MOMENTS],
        "number, milliseconds",
        {"number": "number", "moment": "{{ timestamp_of_ms('milliseconds') }}"},
    )
    days = (LAST_DAY - FIRST_DAY).days + 1
    models["weeks"] = (
        "with days as (select date '1900-01-01' + cast(number as integer) as day"
        f" from range({days}) as numbers (number))"
        " select day, {{ week_number('day') }} as week from days"
    )
    for name, sql in models.items():
        (folder / f"edges_{name}.sql").write_text(f"{{{{ config(schema='edges') }}}}\n{sql}\n")


def null_or(value: int | None, type_: str) -> str:
    return f"cast({'null' if value is None else value} as {type_})"


def model(rows: list[str], columns: str, selected: dict[str, str]) -> str:
    values = ",\n".join(f"({number}, {row})" for number, row in enumerate(rows))
    what = ",\n".join(f"{expression} as {name}" for name, expression in selected.items())
    return f"with given as (values {values})\nselect {what} from given as g ({columns})"


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, list[Comparison]]]:
    """The folder of both warehouses, and how they compare."""
    folder = tmp_path_factory.mktemp("edges")
    project = copy_project(folder / "project", "blog")
    write_models(project / "models" / "edges")
    (folder / "raw").mkdir()
    with use_quick_settings(folder):
        compared = parity.check_parity(
            folder / "raw", folder / "parity", project, ("--select", "path:models/edges")
        )
        yield folder / "parity", compared


@needs_spark
@pytest.mark.parametrize("name", [*ASKED, "quotients", "moments", "weeks"])
def test_both_engines_answer_alike(asked: tuple[Path, list[Comparison]], name: str) -> None:
    (comparison,) = [table for table in asked[1] if table.name == f"edges.edges_{name}"]
    assert comparison.differences == ()


@needs_spark
def test_weeks_are_numbered_as_python_numbers_them(
    asked: tuple[Path, list[Comparison]],
) -> None:
    files = str(asked[0] / "exported" / "edges.edges_weeks" / "*.parquet")
    weeks = duckdb.execute("from read_parquet(?) order by day", [files]).fetchall()
    days = [FIRST_DAY + dt.timedelta(number) for number in range((LAST_DAY - FIRST_DAY).days + 1)]
    assert weeks == [(day, int(day.strftime("%W"))) for day in days]


@needs_spark
def test_quotients_are_rounded_half_away_from_zero(
    asked: tuple[Path, list[Comparison]],
) -> None:
    files = str(asked[0] / "exported" / "edges.edges_quotients" / "*.parquet")
    found = duckdb.execute("select six from read_parquet(?) order by number", [files]).fetchall()
    expected = []
    for dividend, divisor in QUOTIENTS:
        if dividend is None or not divisor:
            expected.append((None,))
            continue
        rounded = (2 * abs(dividend) * 10**6 + divisor) // (2 * divisor)
        expected.append((Decimal(rounded if dividend >= 0 else -rounded).scaleb(-6),))
    assert found == expected
