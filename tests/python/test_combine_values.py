"""What `casebook combine` makes of a file: numbers, texts and nulls, and JSON as it stands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from casebook.combine.records import FIRST_BYTES, FIRST_ROWS
from combining import Kitchen


@pytest.fixture
def kitchen(tmp_path: Path) -> Kitchen:
    return Kitchen(tmp_path)


NUMBERS = ["0", "-0", "7", "1.10", "-0.5", "1e3", "1E-7", "2.5e+10", "9" * 20, "1e400"]
NUMBERS += [" 8 ", "8\t"]
TEXTS = ["007", "-01", "+5", ".5", "1.", "-", "0x10", "1_000", "1 000", "NaN", "nan", "infinity"]
TEXTS += ["-inf", "1,5", "1/2", "true", "null", "[1]", '"7"', "٣", "1e", " ", "7\n", "2022-01-02"]


def quoted(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'


def table(*rows: list[str]) -> str:
    """A file with a column for each value of a row."""
    header = ",".join(f"c{place}" for place in range(len(rows[0])))
    return "\n".join([header, *(",".join(map(quoted, row)) for row in rows)])


def test_what_json_takes_for_a_number_is_one_and_keeps_its_spelling(kitchen) -> None:
    spelled = ",".join(f'"c{place}":{value}' for place, value in enumerate(NUMBERS))
    assert kitchen.one("a.csv", table(NUMBERS)) == ["{" + spelled + "}"]


def test_anything_else_is_text_in_a_column_of_numbers_too(kitchen) -> None:
    def values(line: str) -> list[object]:
        return list(json.loads(line).values())

    (line,) = kitchen.one("a.csv", table(TEXTS))
    assert values(line) == TEXTS
    fives, empty = ["5"] * len(TEXTS), [""] * len(TEXTS)
    lines = kitchen.one("a.csv", table(*[fives] * FIRST_ROWS, TEXTS, fives, empty))
    assert [values(line) for line in lines[-3:]] == [TEXTS, [5] * len(TEXTS), [None] * len(TEXTS)]


def test_a_column_is_of_numbers_if_its_first_rows_are(kitchen) -> None:
    rows = ["1,1,a,,"] * (FIRST_ROWS - 1) + ["2,x,3,,4", "3,3,3,3,x"]
    lines = kitchen.one("a.csv", "a,b,c,d,e\n" + "\n".join(rows) + "\n")
    assert lines[0] == '{"a":1,"b":"1","c":"a","d":null,"e":null}'
    assert lines[-2] == '{"a":2,"b":"x","c":"3","d":null,"e":4}'
    # A column that is empty in all first rows is no column of numbers.
    assert lines[-1] == '{"a":3,"b":"3","c":"3","d":"3","e":"x"}'


def test_few_long_rows_are_enough(kitchen) -> None:
    long = "x" * (FIRST_BYTES // 4)
    rows = [f"{n},{long}" for n in range(4)] + ["y,z"]
    assert kitchen.one("a.csv", "n,t\n" + "\n".join(rows))[-1] == '{"n":"y","t":"z"}'
    rows = [f"{n},{long}" for n in range(3)] + ["y,z"]
    assert kitchen.one("a.csv", "n,t\n" + "\n".join(rows))[0].startswith('{"n":"0",')


def test_numbers_are_told_for_each_file_by_itself(kitchen) -> None:
    kitchen.write("one/a.csv", "n\n1\n")
    kitchen.write("one/b.csv", "n\nx\n2\n")
    kitchen.combine()
    assert kitchen.lines("one") == ['{"n":1}', '{"n":"x"}', '{"n":"2"}']


def test_an_empty_value_is_null_in_quotes_or_not(kitchen) -> None:
    lines = kitchen.one("a.csv", 'a,b,c\n,"",x\n1,y,""\n')
    assert lines == ['{"a":null,"b":null,"c":"x"}', '{"a":1,"b":"y","c":null}']


def test_texts_are_escaped(kitchen) -> None:
    value = 'say "é😀"\\\t\b\f\0\x1f\x7f\u2028\r\nend:"",'
    (line, _) = kitchen.one("a.csv", f"t,u\n{quoted(value)},%s%\nx,y\n")
    assert json.loads(line) == {"t": value, "u": "%s%"}
    assert r"\t\b\f\u0000\u001f" in line
    assert "é😀" in line


def test_names_are_those_of_the_header(kitchen) -> None:
    names = ["", "%b", 'a"b', "a:", "é", "Id", "id", "x\\y"]
    header = ";".join([*map(quoted, names), " blank "])
    (line,) = kitchen.one("a.csv", header + "\n" + "1;;x;;;;y;;\n")
    assert list(json.loads(line)) == [*names, "blank"]
    assert list(json.loads(line).values()) == [1, None, "x", None, None, None, "y", None, None]


def test_a_name_that_stands_twice_in_a_header_is_refused(kitchen) -> None:
    failure = kitchen.failure("a.csv", "\na,b, a,c\n1,2,3,4\n")
    assert "one/a.csv: several columns are called" in failure
    assert "Fix:" in failure


@pytest.mark.parametrize("header", [b'"a,b', b'"a"x,b', b"a,\xff"])
def test_a_header_that_cannot_be_read_is_refused(kitchen, header) -> None:
    failure = kitchen.failure("a.csv", header + b"\n1,2\n", skip_bad=True)
    assert "one/a.csv: line 1: the header cannot be read: " in failure


@pytest.mark.parametrize("delimiter", ",;\t|")
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_delimiters_and_ends_of_lines(kitchen, delimiter, end) -> None:
    lines = ["a,b,c", '1,"x,y",", ; | \t"', "2,z,"]
    content = end.join(line.replace(",", delimiter) for line in lines)
    kitchen.write("one/a.txt", "\ufeff" + content)
    kitchen.combine()
    assert [json.loads(line) for line in kitchen.lines("one")] == [
        {"a": 1, "b": f"x{delimiter}y", "c": f"{delimiter} ; | \t"},
        {"a": 2, "b": "z", "c": None},
    ]


JSON = [
    '{"b":1.10,"a":12345678901234567890123,"b":1e400,"c":-0}',
    '{ "a" : [ 1 , {"x":[]} ],\t"b": {} }',
    r'{"a":"\u0000\u00e9\/\"\\","b":"\ud83d\ude00"}',
    '{"a":"é😀\u2028 x  y"}',
    "{}",
    '{"deep":' + "[" * 3000 + "]" * 3000 + "}",
    '{"long":' + "9" * 5000 + "}",
]


def test_json_lines_pass_as_they_stand(kitchen) -> None:
    content = "\ufeff" + JSON[0] + "\r\n \t\n  " + "\n".join(JSON[1:]) + "  "
    assert kitchen.one("a.jsonl", content) == JSON
    assert kitchen.one("b.json", content) == JSON * 2


def test_elements_of_an_array_pass_as_they_stand(kitchen) -> None:
    assert kitchen.one("a.json", "[" + " ,\n".join(JSON) + "]") == JSON


def test_elements_over_many_lines_are_put_on_one(kitchen) -> None:
    record = {"a b": [1, {"x": "y  z"}], "c": 'q"\\ \n', "d": {}, "e": r"\" , ", "f": "\\"}
    written = json.dumps([record] * 300, indent=2)
    expected = json.dumps(record, separators=(",", ":"))
    assert kitchen.one("a.json", written) == [expected] * 300
    assert kitchen.one("a.json", written.replace("\n", "\r\n")) == [expected] * 300


def test_a_carriage_return_between_parts_of_a_line_is_no_end_of_a_line(kitchen) -> None:
    assert kitchen.one("a.jsonl", '{"a":\r 1}\n{"a": 2}') == ['{"a":1}', '{"a": 2}']


MADE_STRICT = [
    ('{"a":NaN,"b":[-Infinity, inf ,nan]}', '{"a":"NaN","b":["-Infinity","inf","nan"]}'),
    ('{"a": [1.10,] , }', '{"a":[1.10]}'),
    ('{"a": "NaN, ,]", "b": 1e5 ,}', '{"a":"NaN, ,]","b":1e5}'),
    ('{"a":"\\",]",}', '{"a":"\\",]"}'),
]


@pytest.mark.parametrize(("given", "expected"), MADE_STRICT)
@pytest.mark.parametrize("around", ["{}", "[{}]", '{{"x": 1}}\n{}\n{{"x": 1}}'])
def test_what_the_loader_takes_is_made_strict(kitchen, given, expected, around) -> None:
    assert expected in kitchen.one("a.json", around.format(given))
