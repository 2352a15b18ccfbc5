"""Macros that hide how engines differ: asked the same, both answer the same."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import duckdb
import parity
import pytest
from parity import Comparison
from test_spark import needs_spark, use_quick_settings
from workbench import copy_project, vote

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
    "0000-01-01", "0000-02-29", "0000-12-31", "-0001-01-01",
]  # fmt: skip
TIMES = [
    *DAYS, "2022-01-02T03:04:05", "2022-01-02 03:04:05", "2022-01-02t03:04:05",
    "2022-01-02T03:04", "2022-01-02T03", "2022-01-02T24:00:00", "2022-01-02T23:59:60",
    "2022-01-02T03:04:05Z", "2022-01-02T03:04:05+02:00", "2022-01-02T03:04:05 UTC",
    "2022-01-02T03:04:05.", "2022-01-02T03:04:05.6", "2022-01-02T03:04:05.678",
    "2022-01-02T03:04:05.678901", "2022-02-30T00:00:00", "2022-01-02T3:04:05",
    "1969-12-31T23:59:59.999", "2022-01-02  03:04:05", "2022-01-02T03:04:05 ",
    "0001-01-01T00:00:00", "9999-12-31T23:59:59.999999", "0000-02-29T23:59:59",
    "2022-01-02T03:04:05.6789014", "2022-01-02T03:04:05.6789016", "2022-01-02T23:59:59.9999999",
    "1969-12-31T23:59:59.9999999", "9999-12-31T23:59:59.9999999", "2022-01-02T03:04:05-03",
    "2022-01-02T03:04:05 Europe/Paris", "2022-01-02T03:04:05.000000000000000000001",
]  # fmt: skip
EITHER_DAYS = [
    *DAYS, "1/2/2022", "01/02/2022", "2/29/2024", "2/29/2022", "13/1/2022", "1/2/22", "1/2/2022/",
    "/1/2/2022", "1/2", "//", "0/1/2022", "001/2/2022", " 1/2/2022", "1/2/2022 ", "1/-2/2022",
]  # fmt: skip
TRUTHS = [
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
    # What only some parsers take for JSON, and what looks like it and is.
    "[NaN]", "[ -nan]", '[{"a":NaN}]', '[{"a": -Infinity}]', '[{"b":{"c":iNf}}]', '[1,infinity]',
    "[1,]", '[{"a":1 , }]', '{"a":[{"b":2},\n]}', "[,]", "[1,,2]", "[nul]", "[None]", "[TRUE]",
    '[{"a":"x,]"}]', '[{"a":"NaN, [NaN], :inf ,}"}]', '[{"a":"\\",NaN"}]', '[{"a":"\\\\",,}]',
    '[{"a":"\\\\"},]', '{"nan":"inf"}', '[{"a":01}]', '[{"a":+1}]', '[{"a":.5}]', '[{"a":5.}]',
    '[{"a":1e}]', '[{"a":0x10}]', "[{a:1}]", '[{"a" 1}]', "[1 2]", "[}", "{]", '[{"a":"1}]',
    '{"a":1}{"b":2}', "[1][2]", "// x\n[1]", "[1] // x", "[1 /* x */]", "# x\n[1]",
    # Blanks, marks and control characters.
    ' \t\r\n[{"a":1}]\r\n\t ', "\ufeff[1]", "\u00a0[1]", "[1]\u00a0", "\v[1]", "\f[1]", "[\f1]",
    '[{"a":"\x01"}]', '[{"a":"\t"}]', '[{"a":"\n"}]', '[{"a":"\x7f"}]', '[{"a":"\u2028"}]',
    # Escapes.
    '[{"a":"\\ud83d\\ude00"}]', '[{"a":"😀 \\\\ud83d\\ude00 é"}]', '[{"a":"\\ud83d"}]',
    '[{"a":"\\ude00\\ud83d"}]', '[{"a":"\\u0001\\u001f\\b\\f"}]', '[{"a":"\\x"}]', '[{"a":"\\/"}]',
    '[{"a":"\\u12"}]', '[{"\\u0061":5}]', '[{"":1,"a":2}]',
    # Numbers, and what they are as text.
    '[{"a":123456789012345678}]', '[{"a":9223372036854775808}]', '[{"a":-0}]', '[{"a":0.0}]',
    '[{"a":12345678901234567890123456789012345678}]', '[{"a":1.50},{"a":10.00},{"a":-7.10}]',
    '[{"a":123456789012345.67}]', '[{"a":1234567890123456.0}]', '[{"a":0.00001}]', '[{"a":0.0001}]',
]  # fmt: skip
# As texts they are alike; within an object as text they are spelled as each engine does.
DOUBLES = [
    "1E5", "1e5", "1E+2", "1e-2", "1.4542848e12", "1.454284800123e+12", "1e15", "1e16", "-1.5e16",
    "1e20", "1e22", "1e-4", "1e-5", "-1.25e-5", "1e-7", "1e100", "1.7976931348623157e308", "1e-400",
    "0e0", "4.9e-12", "1.2345678901234567890123456789e5", "0.1234567890123456789",
    "12345678901234567.0", "0.30000000000000004", "-0.1",
]  # fmt: skip
IDS_AND_NAMES = [
    *TEXTS_OF_JSON, '[{"id":1,"name":"A"}]', '[{"id":"16","name":"A"},{"id":-7,"name":""}]',
    '[{"id":1,"name":"A"},null]', '[{"id":1}]', '[{"name":"A"}]', '[{"id":1,"name":null}]',
    '[{"id":null,"name":"A"}]', '[{"ID":1,"Name":"A"}]', '[{"id":1,"name":5}]',
    '[{"id":1.0,"name":"A"}]', '[{"id":1e1,"name":"A"}]', '[{"id":true,"name":"A"}]',
    '[{"id":9223372036854775808,"name":"A"}]', '[{"id":" 5 ","name":"A","x":[[{}]]}]',
]  # fmt: skip
# Upper and lower case, marks, letters of one to four bytes: those of four sort first in UTF-16.
WORDS = [
    "", " ", "A", "Z", "a", "aa", "ab", "b", "Ä", "ä", "a\u0308", "é", "e\u0301", "ß", "ẞ",
    "STRASSE", "İ", "ı", "İSTANBUL", "I", "Σ", "ΟΔΟΣ", "ΟΔΟΣ ΣΑΣ", "ς", "\uff21", "\uff5a",
    "ﬁ", "Ǆ", "ǅ", "Я", "\u65e5", "😀", "𐐀", "\ufffd", "\u3000a\u2003", "\u200ba", "\u0085a",
    "a\u1680", "a, b", "'", '"', "\\", "\\n", "a''b", "{{ x }}", "%", "_", "\x01", "x\n",
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
    "timestamps": (TIMES, {
        "time": "{{ cast_timestamp('text') }}", "instant": "{{ cast_instant('text') }}",
    }),
    "booleans": (TRUTHS, {
        "truth": "{{ cast_boolean('text') }}", "unless_blank": "{{ unless_blank('text') }}",
    }),
    "json_texts": (
        TEXTS_OF_JSON,
        {
            "json": "{{ cast_json('text') }}",
            "structs": "{{ json_structs('text', " + FIELDS + ") }}",
            "size": "{{ json_list_size('text') }}",
            **{
                f"element_{place}": "case when {{ json_list_size('text') }} is not null"
                f" then {{{{ json_element('text', {place}) }}}} end"
                for place in (1, 2, 6)
            },
            "record": "{{ json_record({'number': 'number', 'text': 'text'}) }}",
        },
    ),
    "doubles": (
        [f'[{{"a":{number}}}]' for number in DOUBLES],
        {"structs": "{{ json_structs('text', " + FIELDS + ") }}"},
    ),
    "words": (
        WORDS,
        {
            "trimmed": "{{ trimmed('text') }}",
            "lowered": "{{ lowered('text') }}",
            "ascending": "cast(row_number() over (order by text asc nulls first) as bigint)",
            "descending": "cast(row_number() over (order by text desc nulls first) as bigint)",
            "joined": "{{ join_list(\"split(text, ',')\") }}",
        },
    ),
    "ids_and_names": (IDS_AND_NAMES, {"listed": "{{ json_ids_and_names('text') }}"}),
}  # fmt: skip

# What docs/spark.md says is read otherwise: field `a` on DuckDB, and on Spark.
READ_OTHERWISE = {
    '[{"a":1,"a":2}]': ("1", "2"),
    '[{"a":1e400}]': ("1e400", "Infinity"),
    '[{"a":-0.0}]': ("-0.0", "0.0"),
    '[{"a":1000000000000000000.0}]': ("1e+18", "1000000000000000000"),
    '[{"a":' + "1" * 39 + "}]": ("1" * 39, "1.111111111111111e+38"),
    '[{"a":{"y":1.0,"x":2}}]': ('{"y":1.0,"x":2}', '{"x":2,"y":1}'),
    '[{"a":"x","b":' + "[" * 997 + "]" * 997 + "}]": ("x", "x"),
    '[{"a":"x","b":' + "[" * 998 + "]" * 998 + "}]": ("x", None),
    '[{"a":"x","b":' + "1" * 1001 + "}]": ("x", None),
}
# And the text of a first element.
WRITTEN_OTHERWISE = {
    '[{"a":{"y":1.0,"x":2}}]': ('{"a":{"y":1.0,"x":2}}', '{"a":{"y":1.0,"x":2}}'),
    '[{"a":1E5}]': ('{"a":100000.0}', '{"a":1E5}'),
    '[{"a":12345678901234567.0}]': ('{"a":12345678901234568.0}', '{"a":12345678901234567.0}'),
}

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

# Of no rows, and of these, of whom some are null; NULLS is what they answer.
NULLS_GIVEN = """
select cast(null as bigint) as id, cast(null as string) as name, 1 as place
union all select 2, 'b', 2
union all select null, 'a', 3
union all select 1, null, 4
"""
NULLS = {
    "'in'": ("max(case when id in (2, null) then place end)", 2),
    "'not in'": ("max(case when id not in (2, null) then place end)", None),
    "'distinct'": ("max(case when id is distinct from 2 then place end)", 4),
    "'not distinct'": ("max(case when id is not distinct from null then place end)", 3),
    "'greatest'": ("min(greatest(id, place))", 1),
    "'least'": ("max(least(id, place))", 3),
    "'least of none'": ("max(least(id, cast(null as bigint)))", 2),
    "'count of values'": ("count(id)", 2),
    "'count of rows'": ("count(*)", 4),
    "'count of different'": ("count(distinct id)", 2),
    "'count of none'": ("count(case when place > 9 then 1 end)", 0),
    "'sum of none'": ("sum(case when place > 9 then place end)", None),
    "'sum'": ("sum(id)", 3),
    "'joined'": ("max(length(concat_ws('; ', name, null, cast(place as string))))", 4),
    "'joined of none'": ("max(length(concat_ws('; ', null, cast(null as string))))", 0),
    "'concatenated'": ("count('x' || name)", 2),
    "'min'": ("min(id)", 1),
}

# A null comes last whichever way the rest is sorted, or first, as the query says.
ORDERS = {
    "id asc nulls last, place asc": [4, 2, 1, 3],
    "id desc nulls last, place asc": [2, 4, 1, 3],
    "id asc nulls first, place desc": [3, 1, 4, 2],
    "id desc nulls first, place asc": [1, 3, 2, 4],
}

# Time, origin and minutes of an interval.
INTERVALS = [
    ("2016-01-03 13:55:00", "2016-01-03 00:00:00", 60),
    ("2016-01-03 13:55:00", "2016-01-03 13:55:00", 1),
    ("2016-01-03 13:55:59.999999", "2016-01-03 13:55:00", 1),
    ("2016-01-04 00:00:00", "2016-01-03 00:00:00", 1440),
    ("2016-01-03 23:59:59.999999", "2016-01-03 00:00:00", 1440),
    ("1969-12-31 23:59:59.999999", "1969-12-30 00:00:00", 7),
    ("1970-01-01 00:00:00", "1969-12-30 00:00:00", 11),
    ("2016-02-29 12:00:00", "2016-01-01 00:00:00", 7),
    ("9999-12-31 23:59:59.999999", "0001-01-01 00:00:00", 525600),
]

# Lists, and the elements and places that they give.
LISTS = {
    '[{"a":1},null,{"a":3}]': [("1", 1), (None, 2), ("3", 3)],
    "[]": [],
    "no list": [(None, None)],
}

# Raw files whose names say something to a URL, a glob, or the lake itself.
FILES = [
    "a+b.jsonl", "a b.jsonl", "a%2Bb.jsonl", "100%.jsonl", "%FF.jsonl", "é.jsonl", "e\u0301.jsonl",
    "😀.jsonl", "ｚ.jsonl", "a&b=c#d?e.jsonl", "[x]{y}*.jsonl", "'q\".jsonl", "~x.jsonl", "A.jsonl",
    "a.jsonl", "back\\slash.jsonl", "a:b.jsonl", "2016=01/x.jsonl",
]  # fmt: skip

# A macro whose part for Spark is wrong.
UNLIKE = """\
{% macro unlike() -%}{{ return(adapter.dispatch('unlike')()) }}{%- endmacro %}
{% macro default__unlike() -%} 7 {%- endmacro %}
{% macro spark__unlike() -%} 8 {%- endmacro %}
"""

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
    models["read_otherwise"] = model(
        [
            f"{{{{ literal({json.dumps(text)}) }}}}"
            for text in [*READ_OTHERWISE, *WRITTEN_OTHERWISE]
        ],
        "number, text",
        {
            "number": "number",
            "structs": "{{ json_structs('text', " + FIELDS + ") }}",
            "element": "{{ json_element('text', 1) }}",
        },
    )
    models["nulls"] = f"with given as ({NULLS_GIVEN})\n" + "\nunion all\n".join(
        f"select {name} as question, cast({expression} as bigint) as answer from given"
        for name, (expression, _) in NULLS.items()
    )
    models["orders"] = f"with given as ({NULLS_GIVEN})\n" + "\nunion all\n".join(
        f"select '{order}' as question, place,"
        f" cast(row_number() over (order by {order}) as bigint) as answer,"
        f" first_value(id) over (order by {order}) as first_id from given"
        for order in ORDERS
    )
    models["intervals"] = model(
        [f"timestamp '{time}', timestamp '{origin}', {n}" for time, origin, n in INTERVALS],
        "number, time, origin, minutes",
        {"number": "number", "start": "{{ interval_start('time', 'origin', 'minutes') }}"},
    )
    models["exploded"] = (
        "with given as (\n"
        + "\nunion all\n".join(
            f"select {number} as number,"
            f" {{{{ json_structs(literal({text!r}), {FIELDS}) }}}} as list"
            for number, text in enumerate(LISTS)
        )
        + "\n), exploded as (select number, {{ explode('list', 'element', 'place') }} from given)"
        "\nselect number, element['a'] as a, cast(place as bigint) as place from exploded"
    )
    models["files"] = (
        "select _source_file as path, _source_record as record,"
        " cast(row_number() over (order by _source_file desc) as bigint) as place"
        " from {{ source('blog', 'votes') }}"
    )
    days = (LAST_DAY - FIRST_DAY).days + 1
    models["weeks"] = (
        "with days as (select date '1900-01-01' + cast(number as integer) as day"
        f" from range({days}) as numbers (number))"
        " select day, {{ week_number('day') }} as week from days"
    )
    models["unlike"] = "select {{ unlike() }} as answer"
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
    (project / "macros" / "unlike.sql").write_text(UNLIKE)
    for number, name in enumerate(FILES):
        path = folder / "raw" / "blog" / "votes" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(vote(number)) + "\n")
    with use_quick_settings(folder):
        compared = parity.check_parity(
            folder / "raw", folder / "parity", project, ("--select", "path:models/edges")
        )
        yield folder / "parity", compared


@needs_spark
@pytest.mark.parametrize(
    "name",
    [*ASKED, "quotients", "moments", "nulls", "orders", "intervals", "exploded", "files", "weeks"],
)
def test_both_engines_answer_alike(asked: tuple[Path, list[Comparison]], name: str) -> None:
    (comparison,) = [table for table in asked[1] if table.name == f"edges.edges_{name}"]
    assert comparison.differences == ()


@needs_spark
def test_a_wrong_macro_of_one_engine_is_seen(asked: tuple[Path, list[Comparison]]) -> None:
    different = [table.name for table in asked[1] if table.differences]
    # What JSON is read otherwise, the docs say.
    assert different == ["edges.edges_read_otherwise", "edges.edges_unlike"]


def answers(asked: tuple[Path, list[Comparison]], name: str, columns: str, order: str) -> list:
    """What Spark answered, which is what DuckDB did."""
    files = str(asked[0] / "exported" / f"edges.edges_{name}" / "*.parquet")
    query = f"select {columns} from read_parquet(?) order by {order}"
    return duckdb.execute(query, [files]).fetchall()


@needs_spark
def test_weeks_are_numbered_as_python_numbers_them(
    asked: tuple[Path, list[Comparison]],
) -> None:
    days = [FIRST_DAY + dt.timedelta(number) for number in range((LAST_DAY - FIRST_DAY).days + 1)]
    expected = [(day, int(day.strftime("%W"))) for day in days]
    assert answers(asked, "weeks", "*", "day") == expected


@needs_spark
def test_quotients_are_rounded_half_away_from_zero(
    asked: tuple[Path, list[Comparison]],
) -> None:
    expected = []
    for dividend, divisor in QUOTIENTS:
        if dividend is None or not divisor:
            expected.append((None,))
            continue
        rounded = (2 * abs(dividend) * 10**6 + divisor) // (2 * divisor)
        expected.append((Decimal(rounded if dividend >= 0 else -rounded).scaleb(-6),))
    assert answers(asked, "quotients", "six", "number") == expected


@needs_spark
def test_nulls_count_for_nothing_and_stand_where_the_query_says(
    asked: tuple[Path, list[Comparison]],
) -> None:
    expected = {name.strip("'"): answer for name, (_, answer) in NULLS.items()}
    assert dict(answers(asked, "nulls", "question, answer", "1")) == expected
    found: dict[str, list[int]] = {}
    for question, place in answers(asked, "orders", "question, place", "question, answer"):
        found.setdefault(question, []).append(place)
    assert found == ORDERS


@needs_spark
def test_texts_are_sorted_by_their_bytes(asked: tuple[Path, list[Comparison]]) -> None:
    expected = sorted(WORDS, key=str.encode)
    ascending = answers(asked, "words", "text", "ascending")
    assert ascending == [(None,), *((word,) for word in expected)]
    descending = answers(asked, "words", "text", "descending")
    assert descending == [(None,), *((word,) for word in reversed(expected))]


@needs_spark
def test_letters_are_lowered_one_by_one(asked: tuple[Path, list[Comparison]]) -> None:
    lowered = dict(answers(asked, "words", "text, lowered", "1"))
    upper = {
        "İSTANBUL": "istanbul",
        "ΟΔΟΣ ΣΑΣ": "οδοσ σασ",
        "ẞ": "ß",
        "\uff21": "\uff41",
        "𐐀": "𐐨",
        "Ǆ": "ǆ",
    }
    assert {word: lowered[word] for word in upper} == upper


@needs_spark
def test_elements_have_places_and_what_is_no_list_has_one_row(
    asked: tuple[Path, list[Comparison]],
) -> None:
    expected = [(number, *row) for number, rows in enumerate(LISTS.values()) for row in rows]
    assert answers(asked, "exploded", "number, a, place", "number, place") == expected


@needs_spark
def test_intervals_are_counted_from_their_origin(asked: tuple[Path, list[Comparison]]) -> None:
    expected = []
    for time, origin, minutes in INTERVALS:
        start = dt.datetime.fromisoformat(origin)
        length = dt.timedelta(minutes=minutes)
        expected.append((start + (dt.datetime.fromisoformat(time) - start) // length * length,))
    assert answers(asked, "intervals", "start", "number") == expected


@needs_spark
def test_paths_of_raw_files_are_those_on_the_disk(asked: tuple[Path, list[Comparison]]) -> None:
    paths = [f"blog/votes/{name}" for name in FILES]
    expected = [(path,) for path in sorted(paths, key=str.encode, reverse=True)]
    assert answers(asked, "files", "path", "place") == expected


# --- JSON is what the standard says.


def parse(text: str) -> object:
    """What Python reads, but neither a number that is none nor half of a pair of surrogates."""

    def refuse(name: str) -> None:
        raise ValueError(name)

    value = json.loads(text, parse_constant=refuse)
    json.dumps(value, ensure_ascii=False).encode()
    return value


def is_list_or_object(text: str) -> bool:
    try:
        return isinstance(parse(text), (list, dict))
    except ValueError:
        return False


@needs_spark
def test_json_is_what_the_standard_says(asked: tuple[Path, list[Comparison]]) -> None:
    found = answers(asked, "json_texts", "text, json, structs is null, size", "number")
    for text, as_json, no_list, size in found[:-1]:
        taken = is_list_or_object(text)
        assert (text, as_json) == (text, text if taken else None)
        is_list = taken and isinstance(parse(text), list)
        assert (text, no_list) == (text, not is_list)
        assert (text, size) == (text, len(parse(text)) if is_list else None)
    assert found[-1] == (None, None, True, None)


@needs_spark
def test_elements_of_a_list_are_json_of_the_same_value(
    asked: tuple[Path, list[Comparison]],
) -> None:
    looked_at = 0
    for text, size, *elements in answers(
        asked, "json_texts", "text, size, element_1, element_2, element_6", "number"
    ):
        for place, element in zip((1, 2, 6), elements, strict=True):
            if size is None or place > size:
                assert (text, element) == (text, None)
            else:
                looked_at += 1
                assert (text, json.loads(element)) == (text, json.loads(text)[place - 1])
    assert looked_at > 40


@needs_spark
def test_a_number_of_json_as_text_is_spelled_as_python_spells_it(
    asked: tuple[Path, list[Comparison]],
) -> None:
    expected = [(repr(float(number)),) for number in DOUBLES]
    found = answers(asked, "doubles", "structs[1].a", "number")
    assert found == [*expected, (None,)]


@needs_spark
def test_json_is_read_otherwise_only_as_the_docs_say(
    asked: tuple[Path, list[Comparison]],
) -> None:
    files = str(asked[0] / "exported" / "edges.edges_read_otherwise" / "*.parquet")
    with duckdb.connect(str(asked[0] / "warehouse.db"), read_only=True) as connection:
        on_duckdb, on_spark = (
            connection.execute(
                f"select structs[1].a, element from {rows} order by number"
            ).fetchall()
            for rows in ("edges.edges_read_otherwise", f"read_parquet('{files}')")
        )
    read = [(one[0], other[0]) for one, other in zip(on_duckdb, on_spark, strict=True)]
    written = [(one[1], other[1]) for one, other in zip(on_duckdb, on_spark, strict=True)]
    count = len(READ_OTHERWISE)
    assert dict(zip(READ_OTHERWISE, read[:count], strict=True)) == READ_OTHERWISE
    assert dict(zip(WRITTEN_OTHERWISE, written[count:], strict=True)) == WRITTEN_OTHERWISE
