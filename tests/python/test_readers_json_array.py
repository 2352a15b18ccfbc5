"""JSON arrays: compact, pretty-printed, broken."""

from __future__ import annotations

import json
from itertools import accumulate
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from casebook.readers import json_split, json_text
from hypothesis import given, settings
from hypothesis import strategies as st
from loading import Workshop
from loading import shop as shop
from test_readers_json_lines import RECORDS

RECORDS_OF_THREE = [
    {"Id": 1, "Note": {"a": [1, {"b": "]},{"}]}},
    {"Id": 2, "Note": 'quote " and \\ and [{'},
    {"Id": 3},
]
LANDED = [
    (1, "1", None, '{"a":[1,{"b":"]},{"}]}'),
    (2, "2", None, 'quote " and \\ and [{'),
    (3, "3", None, None),
]


def spellings() -> dict[str, str]:
    compact = json.dumps(RECORDS_OF_THREE, separators=(",", ":"))
    return {
        "compact": compact,
        "pretty": json.dumps(RECORDS_OF_THREE, indent=2),
        "one a line": "[\n" + ",\n".join(map(json.dumps, RECORDS_OF_THREE)) + "\n]\n",
        "comma first": "[" + "\n, ".join(map(json.dumps, RECORDS_OF_THREE)) + "]",
        "CRLF": json.dumps(RECORDS_OF_THREE, indent=1).replace("\n", "\r\n"),
        "blanks around": f"\n \t\r\n{compact}\n\n ",
        "a BOM": "\ufeff" + compact,
        "a BOM and blanks": "\ufeff  \n" + compact,
    }


@pytest.mark.parametrize("spelling", spellings())
@pytest.mark.parametrize("name", ["a.json", "a.json.gz"])
def test_an_array_lands_with_its_elements_numbered(
    shop: Workshop, name: str, spelling: str
) -> None:
    entry = shop.load_one(spellings()[spelling], name)
    assert (entry.format, entry.records, entry.landed) == ("json_array", 3, 3)
    assert shop.landed(name) == LANDED
    assert shop.went_fast(name)


@pytest.mark.parametrize("spelling", spellings())
def test_a_broken_element_does_not_touch_its_neighbours(shop: Workshop, spelling: str) -> None:
    text = spellings()[spelling]
    before = text.index("[") + 1
    broken = text[:before] + '{"Id": x},' + text[before:]
    end = broken.rindex("]")
    broken = broken[:end] + ", 12 " + broken[end:]
    entry = shop.load_one(broken, "a.json")
    assert (entry.records, entry.landed, entry.quarantined) == (5, 3, 2)
    assert shop.landed("a.json") == [(n + 1, *rest) for n, *rest in LANDED]
    assert [(row[0], row[2], row[3]) for row in shop.quarantine("a.json")] == [
        (1, "not_json", '{"Id": x}'),
        (5, "not_an_object", "12"),
    ]


def test_json_is_told_apart_by_content(shop: Workshop) -> None:
    for name, content in {
        "lines.json": '{"Id": 1}\n{"Id": 2}\n',
        "array.json": ' \n\t[{"Id": 1}, {"Id": 2}]',
        "late.json": " " * 10_000 + '[{"Id": 1}, {"Id": 2}]',
        "packed.json.gz": '[{"Id": 1}, {"Id": 2}]',
        "array.jsonl": '[{"Id": 1}, {"Id": 2}]',
    }.items():
        shop.write(name, content)
    shop.load()
    assert shop.entry("lines.json").format == "json_lines"
    for name in ("array.json", "late.json", "packed.json.gz"):
        assert shop.entry(name).format == "json_array"
        assert [row[1] for row in shop.landed(name)] == ["1", "2"]
    assert shop.entry("array.jsonl").format == "json_lines"


DEEP = json.loads('{"a":[' * 6 + "]}" * 6)
LONG = [{"a": n} for n in range(40_000)]


@pytest.mark.parametrize("indent", [None, 0, 2])
@pytest.mark.parametrize("note", [DEEP, LONG, "x" * (2 << 20)], ids=["deep", "long", "one line"])
def test_objects_follow_each_other_whatever_the_first_holds(
    shop: Workshop, note: object, indent: int | None
) -> None:
    texts = [json.dumps({"Id": n, "Note": note}, indent=indent) for n in range(2)]
    for end in ("\n", "\r\n", "\r")[: 3 if note is DEEP and indent is not None else 1]:
        text = "".join(texts) if indent is None else "\n".join(texts).replace("\n", end)
        entry = shop.load_one(text, "a.json")
        assert (entry.format, entry.landed, entry.quarantined) == ("json_objects", 2, 0)
        spelled = note if isinstance(note, str) else json.dumps(note, separators=(",", ":"))
        assert [row[3] for row in shop.landed("a.json")] == [spelled] * 2


@pytest.mark.parametrize("note", ["[ ,x]", "[1"])
def test_a_first_printed_object_may_be_broken(shop: Workshop, note: str) -> None:
    entry = shop.load_one(f'{{\n"Id": 1,\n"Note": {note}\n}}\n{{\n"Id": 2\n}}\n', "a.json")
    assert (entry.format, entry.landed, entry.quarantined) == ("json_objects", 1, 1)


@pytest.mark.parametrize("first", ['{"Id": 1', '{"Id": [1,', '{"Id":', '{"Id": "1', "{"])
def test_a_first_line_that_is_cut_costs_only_itself(shop: Workshop, first: str) -> None:
    lines = [f'{{"Id": {n}}}' for n in range(3)]
    entry = shop.load_one("\n".join([first, *lines, '{"Id": 7}}', "]", *lines]), "a.json")
    assert (entry.format, entry.landed, entry.quarantined) == ("json_lines", 6, 3)


@pytest.mark.parametrize("text", ["[]", " [ \n ] \n", "[\n]"])
def test_an_empty_array_is_a_delivery_of_no_records(shop: Workshop, text: str) -> None:
    entry = shop.load_one(text, "a.json")
    assert (entry.format, entry.records, entry.state) == ("json_array", 0, "new")


BROKEN = [
    # text; landed (number, Id); quarantined (number, line, reason, raw text)
    ('[{"Id":1},null,{"Id":3}]', [(1, "1"), (3, "3")], [(2, 1, "not_an_object", "null")]),
    ('[{"Id":1},"],{",{"Id":3}]', [(1, "1"), (3, "3")], [(2, 1, "not_an_object", '"],{"')]),
    (
        '[{"Id":1},[{"Id":2}],{"Id":3}]',
        [(1, "1"), (3, "3")],
        [(2, 1, "not_an_object", '[{"Id":2}]')],
    ),
    ('[{"Id":1},,{"Id":3}]', [(1, "1"), (3, "3")], [(2, 1, "not_json", "")]),
    ('[{"Id":1},{"Id":2},]', [(1, "1"), (2, "2")], []),
    ('[{"Id":1} {"Id":2},{"Id":3}]', [(2, "3")], [(1, 1, "not_json", '{"Id":1} {"Id":2}')]),
    ('[{"Id":1},{"Id":2}', [(1, "1"), (2, "2")], [(3, 1, "broken_array", "")]),
    ('[{"Id":1},{"Id":2},\n', [(1, "1"), (2, "2")], [(3, 2, "broken_array", "")]),
    ("[", [], [(1, 1, "broken_array", "")]),
    ('[{"Id":1},\n{"Id":2,"No', [(1, "1")], [(2, 2, "broken_array", '{"Id":2,"No')]),
    ('[{"Id":1},\n{"Id":2]', [(1, "1")], [(2, 2, "broken_array", '{"Id":2]')]),
    ('[{"Id":1}]\nand more\n', [(1, "1")], [(2, 2, "broken_array", "and more")]),
    ('[{"Id":1}] {"Id":2}', [(1, "1")], [(2, 1, "broken_array", '{"Id":2}')]),
    ('[{"Id":1}][{"Id":2}]', [(1, "1")], [(2, 1, "broken_array", '[{"Id":2}]')]),
    ('[{"Id":1}\n]\n[{"Id":2}\n]', [(1, "1")], [(2, 3, "broken_array", '[{"Id":2}\n]')]),
    ('[\n{"Id":1,\n{"Id":2},\n{"Id":3}]', [(2, "2"), (3, "3")], [(1, 2, "not_json", '{"Id":1')]),
    (
        '[\n{"Id":"1},\n{"Id":2},\n{"Id":3}]',
        [(2, "2"), (3, "3")],
        [(1, 2, "not_json", '{"Id":"1}')],
    ),
    ('[\n{"Id":1}},\n{"Id":2}]', [(2, "2")], [(1, 2, "not_json", '{"Id":1}}')]),
    (
        '[\n  {\n    "Id": "1,\n    "Note": [\n      {\n        "x": 1\n      }\n    ]\n  },\n'
        '  {\n    "Id": 2\n  }\n]',
        [(2, "2")],
        [
            (
                1,
                2,
                "not_json",
                '{\n    "Id": "1,\n    "Note": [\n      {\n        "x": 1\n      }\n    ]\n  }',
            )
        ],
    ),
    ('[{"Id":1,},{"Id":nan}]', [(1, "1"), (2, "nan")], []),
    ('[{"Id":1,"Id":2},{"Id":3,"id":4}]', [(1, "2"), (2, "3")], []),
]


@pytest.mark.parametrize(("text", "landed", "bad"), BROKEN, ids=[b[0][:40] for b in BROKEN])
@pytest.mark.parametrize("piece", [1, 7, 1 << 20])
def test_a_broken_array_lands_what_can_be_read(
    shop: Workshop,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    landed: list,
    bad: list,
    piece: int,
) -> None:
    monkeypatch.setattr(json_text, "BLOCK", piece)
    entry = shop.load_one(text, "a.json")
    assert [row[:2] for row in shop.landed("a.json")] == landed
    assert [row[:4] for row in shop.quarantine("a.json")] == bad
    assert entry.records == len(landed) + len(bad)


def test_bytes_that_are_not_utf8_are_quarantined_as_they_are(shop: Workshop) -> None:
    shop.load_one(b'[{"Id":"\xff\xc3"},{"Id":"\xed\xa0\x80"},{"Id":"\xc3\xa9"}]', "a.json")
    assert shop.landed("a.json") == [(3, "é", None, None)]
    assert [row[2:] for row in shop.quarantine("a.json")] == [
        ("bad_bytes", '{"Id":"\\xff\\xc3"}', b'{"Id":"\xff\xc3"}'),
        ("bad_bytes", '{"Id":"\\xed\\xa0\\x80"}', b'{"Id":"\xed\xa0\x80"}'),
    ]


def test_deep_nesting_lands_on_both_paths(shop: Workshop) -> None:
    deep = "[" * 3000 + "]" * 3000
    shop.load_one(f'[{{"Id":{deep}}}]', "fast.json")
    shop.load_one(f'[12,{{"Id":{deep}}}]', "careful.json")
    assert shop.landed("fast.json")[0][1] == shop.landed("careful.json")[0][1] == deep


def test_a_long_element_lands(shop: Workshop) -> None:
    long = "x" * (20 << 20)
    shop.load_one(f'[{{"Id":1}},\n{{"Id":"{long}"}},\n{{"Id":3}}]', "a.json")
    assert [(row[0], len(row[1])) for row in shop.landed("a.json")] == [
        (1, 1),
        (2, len(long)),
        (3, 1),
    ]


def test_an_element_beyond_all_bounds_is_refused(shop: Workshop) -> None:
    long = "x" * ((32 << 20) + 1)
    entry = shop.load_one(f'[{{"Id":1}},\n{{"Id":"{long}"}}]', "a.json")
    assert entry.state == "refused"
    assert "the record in line 2 is longer than 32 MiB" in str(entry.refusal)


def test_a_large_array_is_read_in_pieces(shop: Workshop) -> None:
    records = [{"Id": n, "Note": "é" * (n % 300)} for n in range(20_000)]
    broken = json.dumps(records, indent=1, ensure_ascii=False)[:-1] + ", 5]"
    entry = shop.load_one(broken, "a.json")
    assert entry.size_bytes > 2 << 20
    assert (entry.landed, entry.quarantined) == (20_000, 1)
    assert shop.landed("a.json") == [(n + 1, str(n), None, "é" * (n % 300)) for n in range(20_000)]
    assert shop.quarantine("a.json")[0][:2] == (20_001, broken.count("\n") + 1)


@pytest.mark.parametrize("kib", [50, 100, 3_000, 20_000])
def test_a_long_element_may_hold_lines_that_look_like_the_next(shop: Workshop, kib: int) -> None:
    long = [{"x": "é" * 20_000}, {"x": 1}] * (kib * 1024 // 120_000 + 1)
    records = [{"Id": 1, "Note": long}, {"Id": 2}, {"Id": 3, "Note": long[:2]}]
    text = json.dumps(records, indent=0)
    entry = shop.load_one(text[:-2] + ",\n5]", "a.json")
    assert (entry.landed, entry.quarantined) == (3, 1)
    landed = shop.landed("a.json")
    assert [row[:2] for row in landed] == [(1, "1"), (2, "2"), (3, "3")]
    assert [json.loads(row[3]) for row in landed if row[3]] == [long, long[:2]]
    assert shop.quarantine("a.json")[0][:2] == (4, text.count("\n") + 1)


def test_two_broken_elements_do_not_take_what_is_between(shop: Workshop) -> None:
    elements = ['{"Id": 0, "Note": [', *(f'{{"Id": {n}}}' for n in range(1, 20_000)), "]}"]
    shop.load_one("[" + ",\n".join(elements) + "]", "a.json")
    assert [row[1] for row in shop.landed("a.json")] == [str(n) for n in range(1, 20_000)]


ODD = [
    # element; Id that lands, or why it does not
    (b'{"Id": "a},{b"}', "a},{b"),
    (b'{"Id": [{"x": 1},{"x": 2},\n{"x": 3}]}', '[{"x":1},{"x":2},{"x":3}]'),
    (b'{"Id": 1, "Id": 2}', "2"),
    (b'{"Id": {"x": 1, "x": 2}}', '{"x":1,"x":2}'),
    (b'{"Id": "\\ud83d\\ude00"}', "😀"),
    (b'{"Id": "\\ud83d"}', "not_json"),
    (b'{"Id": "\xff"}', "bad_bytes"),
    ('{"Id": "é"}'.encode(), "é"),
    (b'{"id": "other"}', "other"),
    (b"{}", None),
    (b'{\r"Id"\r\n:\n"breaks"}', "breaks"),
    (b'{"Id": x}', "not_json"),
    (b'{"Id": nan,}', "nan"),
    (b'{"Id": 1} {"Id": 2}', "not_json"),
    (b'"},{"', "not_an_object"),
]


@pytest.mark.parametrize("glue", [b",", b", ", b",\n", b"\n  ,  ", b" ,\r\n\t"])
@pytest.mark.parametrize("apart", [1, 40, 400])
@pytest.mark.parametrize("spellings", [1, 2])
def test_an_odd_element_among_many_is_found_and_numbered(
    shop: Workshop, glue: bytes, apart: int, spellings: int
) -> None:
    elements: list[bytes] = []
    expected: list[str | None] = []
    for element, outcome in ODD:
        if spellings == 1 and b'"id"' in element:
            continue
        elements += [*[b'{"Id": "good"}'] * apart, element]
        expected += [*["good"] * apart, outcome]
    shop.load_one(b"[" + glue.join([*elements, b'{"Id": "end"}']) + b"]", "a.json")
    reasons = {"not_json", "bad_bytes", "not_an_object"}
    expected.append("end")
    assert [row[:2] for row in shop.landed("a.json")] == [
        (n, outcome) for n, outcome in enumerate(expected, 1) if outcome not in reasons
    ]
    lines = [1 + glue.join([*elements[:n], b""]).count(b"\n") for n in range(len(elements))]
    assert [(row[0], row[1], row[2], row[4]) for row in shop.quarantine("a.json")] == [
        (n, line, outcome, element)
        for n, (element, outcome, line) in enumerate(
            zip(elements, expected, lines, strict=False), 1
        )
        if outcome in reasons
    ]


@pytest.mark.parametrize("glue", [b",", b",\n", b" ,\r\n\t"])
def test_each_element_is_found_as_it_stands(tmp_path: Path, glue: bytes) -> None:
    elements = [b'{"Id":\n%d}' % n if n % 3 else b'{"Id": %d}' % n for n in range(3000)]
    path = tmp_path / "a.json"
    path.write_bytes(b"[\n" + glue.join(elements) + b"]")
    with path.open("rb") as file:
        found = list(json_split.elements(file))
    assert [record.raw for record in found] == elements
    assert [record.number for record in found] == list(range(1, 3001))
    breaks = [(element + glue).count(b"\n") for element in elements]
    assert [record.first_line for record in found] == list(accumulate(breaks[:-1], initial=2))


@settings(deadline=None, max_examples=60)
@given(
    records=st.lists(RECORDS, min_size=1, max_size=6),
    indent=st.sampled_from([None, 0, 2]),
    piece=st.integers(1, 60),
)
def test_clean_arrays_land_the_same_on_both_paths(
    records: list[dict], indent: int | None, piece: int
) -> None:
    text = json.dumps(records, indent=indent, ensure_ascii=False)
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_text, "BLOCK", piece)
        shop = Workshop(Path(folder))
        shop.load_one(text, "fast.json")
        shop.load_one(text[:-1] + ",12]", "careful.json")
        assert shop.landed("careful.json") == shop.landed("fast.json")
        assert [row[0] for row in shop.quarantine("careful.json")] == [len(records) + 1]


@settings(deadline=None, max_examples=100)
@given(
    elements=st.lists(
        st.integers(0, 99).map(lambda n: f'{{"Id": {n}, "Note": [{{"x": "}}]"}}]}}')
        | st.sampled_from(["null", "12", '"a]"', "[]", "{x}", "{'a': 1}", "nul", ""]),
        min_size=1,
        max_size=8,
    ),
    end=st.sampled_from(["]", "", "] x", ",]"]),
)
def test_any_mix_of_good_and_bad_elements_balances(elements: list[str], end: str) -> None:
    with TemporaryDirectory() as folder:
        shop = Workshop(Path(folder))
        entry = shop.load_one("[" + ",\n".join(elements) + end, "a.json")
        good = [n for n, text in enumerate(elements, 1) if text.startswith('{"Id"')]
        landed = [row[0] for row in shop.landed("a.json")]
        bad = [row[0] for row in shop.quarantine("a.json")]
        assert landed == good
        assert sorted(landed + bad) == list(range(1, entry.records + 1))
        open_end = end == "" and elements[-1] not in ("{x}", "{'a': 1}", "nul")
        extra = open_end or end == "] x"
        nothing = elements[-1] == "" and end in ("]", "", "] x")
        assert entry.records == len(elements) + extra - nothing
