"""Columns declared `decode: python_literal`: literals land as JSON, all else as it stands."""

from __future__ import annotations

import ast
import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pytest
from casebook.load.decode import decode_columns, literal_to_json
from casebook.sources import Column, Table
from hypothesis import given, settings
from hypothesis import strategies as st
from loading import Workshop, lines
from test_readers_json_lines import JSON_VALUES

# Pytest swaps warning filters for each test, and with them the one that the module sets.
pytestmark = pytest.mark.filterwarnings("ignore:::casebook-literal")

DECLARED = (
    "sources: [{name: shop, tables: [{name: orders, columns: [{name: Id}, {name: Amount},"
    " {name: Note, config: {meta: {decode: python_literal}}}]}]}]"
)


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return decoding(tmp_path)


def decoding(root: Path) -> Workshop:
    shop = Workshop(root)
    shop.declare(DECLARED)
    return shop


DECODED = [
    (
        """[{'id': 16, 'name': 'Animation'}, {'name': "D'Pelicula", 'id': 3}]""",
        """[{"id":16,"name":"Animation"},{"name":"D'Pelicula","id":3}]""",
    ),
    ("[{'id': None, 'ok': True, 'no': False}]", '[{"id":null,"ok":true,"no":false}]'),
    (r"['\u00e9 \xe9 \n \t \\ \' \" \N{DIGIT ONE}']", '["é é \\n \\t \\\\ \' \\" 1"]'),
    (r"['\U0001f600', '\x00']", r'["😀","\u0000"]'),
    (r"['\d', r'\n']", r'["\\d","\\n"]'),
    ("{'a': {'b': [[], {}, ({'c': 'd'},)]}}", '{"a":{"b":[[],{},[{"c":"d"}]]}}'),
    ("['], {', '}', '[', ',', ': None']", '["], {","}","[",",",": None"]'),
    ("'''one\ntwo'''", '"one\\ntwo"'),
    ("['a' 'b'\n\"c\"]", '["abc"]'),
    ("{'a': 1, 'a': 2}", '{"a":2}'),
    ("('a', 1)", '["a",1]'),
    ("[1.50, -0.0, 1e22, 8.2e-05, 1E5,]", "[1.5,-0.0,1e+22,8.2e-05,100000.0]"),
    ("[679644799952992890,]", "[679644799952992890]"),
    ("(" + "9" * 4000 + ",)", "[" + "9" * 4000 + "]"),
    ("None", "null"),
    ("True", "true"),
    ("'text'", '"text"'),
    ("  ['a'] ", '["a"]'),
    ("[" * 150 + "'x'" + "]" * 150, "[" * 150 + '"x"' + "]" * 150),
]
UNCHANGED = [
    '[{"id": 16,  "name": "Caf\\u00e9"}]',
    '["\\ud83d\\ude00", "\\n"]',
    "[]",
    "{}",
    "null",
    "12",
    "1.50",
    "8.2e-05",
    "9" * 5000,
    "[" * 500 + "]" * 500,
    '{"a": 1, "a": 2}',
    "",
    "   ",
    "1995-10-30",
    "10/30/1995",
    "text",
    "NaN",
    "[NaN, Infinity]",
    "[1e999,]",
    "[{'id': 16, 'name': 'Anim",
    "[{'id': 16, 'name': 'D'Pelicula'}]",
    "[" * 300 + "'x'" + "]" * 300,
    "-" * 50_000 + "1",
    "1+" * 50_000 + "1",
    "(" + "9" * 5000 + ",)",
    "{1: 'a'}",
    "[{'a': [{None: 1}]}]",
    "{('a', 1): 2}",
    "{'a'}",
    "{[]: 1}",
    "set()",
    "b'a'",
    "[1j]",
    "1 + 2j",
    "[...]",
    r"['\ud800']",
    r"{'\ud800': 1}",
    r"['\ud83d\ude00']",
    "['a\x00']",
    r"['\x9']",
    "['a' + 'b']",
    "f'{1}'",
    "[*[1]]",
    "__import__('os').getcwd()",
    "True or False",
    "1or 2",
]


@pytest.mark.parametrize(("text", "expected"), DECODED, ids=[text[:30] for text, _ in DECODED])
def test_a_literal_becomes_json(text: str, expected: str) -> None:
    assert literal_to_json(text) == expected
    json.loads(expected)


@pytest.mark.parametrize("text", UNCHANGED, ids=[text[:30] for text in UNCHANGED])
def test_what_is_json_already_or_neither_stays(text: str) -> None:
    assert literal_to_json(text) == text


FORMATS = ["a.jsonl", "a.json", "a.csv"]


def spelled(name: str, notes: list[str | None]) -> bytes:
    """A file with these notes, numbered from 1, in the format that its name tells."""
    records = [{"Id": str(n), "Note": note} for n, note in enumerate(notes, 1)]
    if name.endswith(".csv"):
        text = io.StringIO()
        writer = csv.writer(text, quoting=csv.QUOTE_ALL)
        writer.writerow(["Id", "Note"])
        writer.writerows([record["Id"], record["Note"]] for record in records)
        return text.getvalue().encode()
    return json.dumps(records).encode() if name.endswith(".json") else lines(*records)


@pytest.mark.parametrize("name", FORMATS)
def test_columns_land_decoded_in_their_rows(shop: Workshop, name: str) -> None:
    # A CSV does not tell an empty text from none, and its lines may not hold NUL.
    same = [text for text in UNCHANGED if text and "\x00" not in text]
    pairs = [*DECODED, *((text, text) for text in same)]
    entry = shop.load_one(spelled(name, [text for text, _ in pairs]), name)
    assert (entry.landed, entry.quarantined) == (len(pairs), 0)
    expected = [(n, str(n), None, text) for n, (_, text) in enumerate(pairs, 1)]
    assert shop.landed(name) == expected
    assert shop.went_fast(name)


def test_numbers_of_records_stay_beside_quarantined_ones(shop: Workshop) -> None:
    shop.load_one(
        lines({"Id": 1, "Note": "[None]"}, b"{", {"Id": 3}, {"Id": 4, "Note": "{'a': 1}"}, b"12")
    )
    assert [(row[0], row[3]) for row in shop.landed()] == [(1, "[null]"), (3, None), (4, '{"a":1}')]
    assert [row[0] for row in shop.quarantine()] == [2, 5]


def test_nested_json_in_json_stays_as_the_reader_lands_it(shop: Workshop) -> None:
    shop.load_one(lines(b'{"Id": "[None]", "Note": [{"id": 679644799952992890, "name": null}]}'))
    assert shop.landed() == [(1, "[None]", None, '[{"id":679644799952992890,"name":null}]')]


def test_many_rows_in_many_row_groups_keep_their_order(shop: Workshop) -> None:
    """The first 100,000 change, all but some; of the others one does."""
    notes = [f"[{n}, '{n % 7}']" if n % 3 else None if n % 2 else f"[{n}]" for n in range(100_000)]
    notes += ["[]"] * 50_000 + ["{'a': 1}"]
    shop.load_one(lines(*({"Id": n, "Note": note} for n, note in enumerate(notes))))
    assert shop.went_fast()
    assert shop.landed() == [
        (n + 1, str(n), None, note and note.replace(", ", ",").replace("'", '"').replace(": ", ":"))
        for n, note in enumerate(notes)
    ]


def test_long_values_land(shop: Workshop) -> None:
    items = [{"id": n, "name": "D'Pelicula"} for n in range(25_000)]
    text = repr(items)
    long = "x" * (18 << 20)
    faces = "😀" * ((2 << 20) - 4)
    shop.load_one(lines({"Note": text}, {"Note": f"['{long}']"}, {"Note": f"['{faces}']"}))
    notes = [row[3] for row in shop.landed()]
    assert json.loads(notes[0]) == items
    # Too long to be tried: a value of this size that is all numbers takes Python gigabytes.
    assert notes[1] == f"['{long}']"
    assert notes[2] == f'["{faces}"]'


def test_columns_may_be_named_like_the_decoder_s_own(tmp_path: Path) -> None:
    names = ("0", "changes", "landed", 'it\'s "x"')
    table = Table("shop", "orders", tuple(Column(name, decode="python_literal") for name in names))
    landed = tmp_path / "it's landed.parquet"
    with duckdb.connect() as connection:
        columns = ", ".join(
            f"""'[{place},]' as "{name.replace('"', '""')}\"""" for place, name in enumerate(names)
        )
        path = str(landed).replace("'", "''")
        connection.execute(f"copy (select {columns}, 7 as _source_record) to '{path}'")
        decode_columns(connection, tmp_path, landed, table)
        found = connection.execute("select * from read_parquet(?)", [str(landed)])
        assert [column[0] for column in found.description] == [*names, "_source_record"]
        assert found.fetchall() == [("[0]", "[1]", "[2]", "[3]", 7)]
    assert list(tmp_path.iterdir()) == [landed]


@pytest.mark.parametrize("notes", [[], [None, '["a"]', "text", ""]])
def test_a_file_in_which_nothing_changes_is_not_rewritten(tmp_path: Path, notes: list) -> None:
    table = Table("shop", "orders", (Column("Note", decode="python_literal"),))
    landed = tmp_path / "landed.parquet"
    with duckdb.connect() as connection:
        connection.execute("create table notes (Note text)")
        for note in notes:
            connection.execute("insert into notes values (?)", [note])
        connection.execute(f"copy notes to '{landed}'")
        before = landed.stat()
        decode_columns(connection, tmp_path, landed, table)
    assert (landed.stat().st_ino, landed.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert list(tmp_path.iterdir()) == [landed]


def test_a_file_is_landed_again_when_its_column_is_declared_to_be_decoded(tmp_path: Path) -> None:
    shop = Workshop(tmp_path)
    shop.load_one(lines({"Id": 1, "Note": "[None]"}))
    assert shop.landed() == [(1, "1", None, "[None]")]
    shop.declare(DECLARED)
    shop.load()
    assert shop.entry().state == "redeclared"
    assert shop.landed() == [(1, "1", None, "[null]")]


@pytest.mark.parametrize("flag", ["default", "error"])
def test_an_invalid_escape_is_read_without_a_warning(flag: str) -> None:
    code = "from casebook.load.decode import literal_to_json as d\n"
    code += r"""print(d(r"['\d']"), d("1or 2"))"""
    command = [sys.executable, "-W", flag, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ('["\\\\d"] 1or 2\n', "")


@settings(deadline=None, max_examples=40)
@given(values=st.lists(JSON_VALUES, min_size=1, max_size=8), ascii=st.booleans())
def test_any_value_lands_the_same_from_both_spellings(values: list, ascii: bool) -> None:
    literals = [repr(value) for value in values]
    texts = [json.dumps(value, ensure_ascii=ascii) for value in values]
    with TemporaryDirectory() as folder:
        shop = decoding(Path(folder))
        shop.load_one(spelled("a.jsonl", [*literals, *texts]))
        notes = [row[3] for row in shop.landed()]
    for value, literal, note in zip(values, literals, notes, strict=False):
        assert same(json.loads(note), value)
        assert same(ast.literal_eval(literal), value)
    assert notes[len(values) :] == texts


def same(one: object, other: object) -> bool:
    """Whether two values are equal in type too: 1, 1.0 and True are three."""
    return repr(one) == repr(other)
