"""JSON lines: clean, dirty, and in every mix of the two."""

from __future__ import annotations

import json
import re
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pytest
from casebook.readers import json_files
from hypothesis import given, settings
from hypothesis import strategies as st
from loading import COLUMNS, Workshop, lines
from loading import shop as shop

GOOD = b'{"Id": "ok"}'

BAD = [
    ("bad bytes", b'{"Id": "\xff"}', "bad_bytes"),
    ("bad bytes in an undeclared key", b'{"Id": "1", "z\xff": 1}', "bad_bytes"),
    ("a surrogate in UTF-8", b'{"Id": "\xed\xa0\x80"}', "bad_bytes"),
    ("an array", b'["Id"]', "not_an_object"),
    ("a string", b'"Id"', "not_an_object"),
    ("a number", b"12", "not_an_object"),
    ("null", b"null", "not_an_object"),
    ("true", b"true", "not_an_object"),
    ("an array that only DuckDB reads", b'["Id",]', "not_an_object"),
    ("half a line", b'{"Id": "1", "No', "not_json"),
    ("the other half", b'te": "x"}', "not_json"),
    ("an open string", b'{"Id": "1}', "not_json"),
    ("two objects in a line", b'{"Id": "1"} {"Id": "2"}', "not_json"),
    ("text after the object", b'{"Id": "1"} zzz', "not_json"),
    ("two objects with a comma", b'{"Id": "1"},{"Id": "2"}', "not_json"),
    ("the middle of two objects", b'"1"},"r":{"Id":"2"', "not_json"),
    ("a brace too many", b'{"Id": "1"}}', "not_json"),
    ("a bracket too many", b'{"Id": "1"}]', "not_json"),
    ("NUL", b"\x00", "not_json"),
    ("NUL in a string", b'{"Id": "a\x00b"}', "not_json"),
    ("a tab in a string", b'{"Id": "a\tb"}', "not_json"),
    ("half a surrogate pair", b'{"Id": "\\ud800"}', "not_json"),
    ("half a pair, undeclared", b'{"Id": "1", "z": {"\\uDC00": 1}}', "not_json"),
    ("single quotes", b"{'Id': '1'}", "not_json"),
    ("a comment", b'{"Id": "1"} // x', "not_json"),
    ("a leading zero", b'{"Id": 01}', "not_json"),
    ("no JSON at all", b"Id,Amount", "not_json"),
    ("a blank that JSON does not know", b"\xc2\xa0", "not_json"),
]


@pytest.mark.parametrize(
    ("raw", "reason"), [(r, c) for _, r, c in BAD], ids=[name for name, _, _ in BAD]
)
def test_a_bad_line_is_quarantined_and_its_neighbours_land(
    shop: Workshop, raw: bytes, reason: str
) -> None:
    entry = shop.load_one(lines(GOOD, b"", raw, GOOD))
    assert (entry.records, entry.landed, entry.quarantined) == (3, 2, 1)
    assert shop.landed() == [(1, "ok", None, None), (3, "ok", None, None)]
    text = raw.decode("utf-8", "backslashreplace")
    assert shop.quarantine() == [(2, 3, reason, text, raw)]
    entry = shop.load_one(raw, "alone.jsonl")
    if raw == b"\0":
        assert entry.refusal == "none of its 1 records can be read; it looks like binary data"
    else:
        assert shop.landed("alone.jsonl") == []
        assert shop.quarantine("alone.jsonl") == [(1, 1, reason, text, raw)]


CLEAN = [
    ("blank lines", b"\n" + GOOD + b"\n\n   \n\r\n\t\x0b\x0c\n" + GOOD + b"\n\n", 2, True),
    ("long blank lines", GOOD + b"\n" + b" " * 500 + b"\n" + GOOD, 2, True),
    ("no last newline", GOOD + b"\n" + GOOD, 2, True),
    ("CRLF", GOOD + b"\r\n" + GOOD + b"\r\n", 2, True),
    ("LF and CRLF", GOOD + b"\r\n" + GOOD + b"\n" + GOOD, 3, True),
    ("a BOM", b"\xef\xbb\xbf" + GOOD + b"\n" + GOOD + b"\n", 2, False),
    ("a BOM alone", b"\xef\xbb\xbf", 0, False),
    ("blank lines only", b"\n\n  \n", 0, True),
    ("blanks around", b"  " + GOOD + b" \n\x0b" + GOOD + b"\n", 2, None),
]


@pytest.mark.parametrize(
    ("content", "records", "fast"), [c[1:] for c in CLEAN], ids=[c[0] for c in CLEAN]
)
def test_what_is_no_record_takes_no_number(
    shop: Workshop, content: bytes, records: int, fast: bool | None
) -> None:
    entry = shop.load_one(content)
    assert (entry.records, entry.landed, entry.quarantined) == (records, records, 0)
    assert shop.landed() == [(n + 1, "ok", None, None) for n in range(records)]
    if fast is not None and records:
        assert shop.went_fast() == fast


VALUES = [
    (b'"text"', "text"),
    (b'""', ""),
    (b"null", None),
    (b"true", "true"),
    (b"false", "false"),
    (b"12", "12"),
    (b"679644799952992890", "679644799952992890"),
    (b"12345678901234567890123456789012345678901", "12345678901234567890123456789012345678901"),
    (b"1.5", "1.5"),
    (b'"1.50"', "1.50"),
    (b"1E400", "1E400"),
    (b"NaN", "NaN"),
    (b"nan", "nan"),
    (b"-Infinity", "-Infinity"),
    (b'"\\u00e9\\ud83d\\ude00\\/\\n"', "é😀/\n"),
    ('"é😀"'.encode(), "é😀"),
    (b'"a\\u0000b"', "a\x00b"),
    (b'"\\\\ud800"', "\\ud800"),
    (
        b'{"a": [1, 2.5, null, "\\u00e9", 679644799952992890]}',
        '{"a":[1,2.5,null,"é",679644799952992890]}',
    ),
    (b"[]", "[]"),
    (b'[{"id": 16, "name": "D\'Pelicula"}]', '[{"id":16,"name":"D\'Pelicula"}]'),
    (b'{"x":1,"x":2}', '{"x":1,"x":2}'),
    (b"[1,]", "[1]"),
    (b"[" * 3000 + b"]" * 3000, "[" * 3000 + "]" * 3000),
    (b"9" * 5000, "9" * 5000),
]


@pytest.mark.parametrize(("spelled", "value"), VALUES, ids=[str(v[0][:30]) for v in VALUES])
def test_a_value_lands_the_same_whatever_its_neighbours(
    shop: Workshop, spelled: bytes, value: str | None
) -> None:
    record = b'{"Id": 1, "Note": ' + spelled + b"}"
    shop.load_one(lines(record), "clean.jsonl")
    assert shop.landed("clean.jsonl") == [(1, "1", None, value)]
    shop.load_one(lines(b"{", record, b'{"Id": 1, "Id": 2}'), "dirty.jsonl")
    assert shop.landed("dirty.jsonl") == [(2, "1", None, value), (3, "2", None, None)]


def test_a_comma_before_the_brace_lands_with_or_without_neighbours(shop: Workshop) -> None:
    record = b'{"Id": 1, "Note": [nan,],}'
    shop.load_one(lines(record), "clean.jsonl")
    shop.load_one(lines(b"{", record), "dirty.jsonl")
    assert shop.landed("clean.jsonl") == [(1, "1", None, "[nan]")]
    assert shop.landed("dirty.jsonl") == [(2, "1", None, "[nan]")]


def test_an_integer_of_very_many_digits_lands(shop: Workshop) -> None:
    shop.load_one(lines(b'{"Id": ' + b"7" * 10_000 + b"}", b"{"))
    assert shop.landed()[0][1] == "7" * 10_000


def test_a_key_that_is_repeated_counts_as_its_last(shop: Workshop) -> None:
    shop.load_one(
        lines(
            b'{"Id": 1, "Note": "a", "Id": 2, "z": 1}',
            b'{"Id": 3, "Id": null}',
            b'{"Id": {"b": 1.5, "b": 679644799952992890123, "c": "\\u00e9"}, "Id": [1, true], '
            b'"Note": {"b": 1.5, "b": 679644799952992890123, "c": "\\u00e9"}}',
            b'{"Id": 4, "z": 1, "z": 2}',
        )
    )
    assert shop.landed() == [
        (1, "2", None, "a"),
        (2, None, None, None),
        (3, "[1,true]", None, '{"b":1.5,"b":679644799952992890123,"c":"é"}'),
        (4, "4", None, None),
    ]


def test_spellings_of_a_column_may_be_mixed_within_a_file(shop: Workshop) -> None:
    entry = shop.load_one(
        lines(
            {"Id": 1, "Amount": 10},
            {"id": 2, "total": 20},
            {"iD": 3, "Sum Due": 30, "Amount": None},
            {"Id": 4, "Amount": None, "Total": 40},
            b'{"ID": 5, "total": 0, "Amount": 50.50, "Note": {"a": 1.0}}',
            b'{"ID": 6, "total": 1,}',
        )
    )
    assert [row[:3] for row in shop.landed()] == [
        (1, "1", "10"),
        (2, "2", "20"),
        (3, "3", "30"),
        (4, "4", "40"),
        (5, "5", "50.5"),
        (6, "6", "1"),
    ]
    assert entry.columns_ignored == ["ID", "Sum Due", "Total", "iD", "id", "total"]


def test_a_column_may_come_late(shop: Workshop) -> None:
    records = [{"Id": n} for n in range(20_005)]
    shop.load_one(lines(*records, {"Id": "last", "Note": "x"}))
    assert shop.landed()[-1] == (len(records) + 1, "last", None, "x")


@pytest.mark.parametrize("bad", [b"", b"{"])
def test_spellings_are_looked_for_in_the_whole_file(shop: Workshop, bad: bytes) -> None:
    records = [{"Amount": n} for n in range(25_000)]
    late = [{"Id": 1, "aMOUNT": "late"}, {"id": 2, "Total": "later", "zeta": 1}]
    entry = shop.load_one(lines(bad, *records, *late))
    assert [row[1:3] for row in shop.landed()[-2:]] == [("1", "late"), ("2", "later")]
    assert entry.columns_ignored == ["Total", "aMOUNT", "id", "zeta"]


@pytest.mark.parametrize("bad", [b"", b"{"])
@pytest.mark.parametrize("pad", [0, 200])
def test_columns_are_found_among_very_many_keys(shop: Workshop, bad: bytes, pad: int) -> None:
    records = [{f"A{n:05}": "x" * pad, "Id": n, "note": "n"} for n in range(12_000)]
    entry = shop.load_one(lines(bad, *records, {f"A{n}": 1 for n in range(100_000)}))
    assert (entry.landed, entry.quarantined) == (12_001, len(bad))
    assert {row[3] for row in shop.landed()[:-1]} == {"n"}
    assert len(entry.columns_ignored) >= 9_998


def test_a_large_file_reads_aliases_wherever_they_stand(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_files, "SEARCHED_BYTES", 1 << 20)
    monkeypatch.setattr(json_files, "SEARCHED_RECORDS", 1000)
    records = [{"id": n, "Note": "x" * 400} for n in range(5000)]
    shop.load_one(lines(*records, {"id": "last", "Sum due": 7}))
    assert shop.landed()[-1][1:3] == ("last", "7")


@pytest.mark.parametrize("bad", [b"", b"{"])
def test_large_files_match_their_keys_as_small_ones_do(shop: Workshop, bad: bytes) -> None:
    padding = "x" * 2000
    records = [{"id": n, "TOTAL": n, "pad": padding} for n in range(1000)]
    entry = shop.load_one(lines(bad, *records))
    assert entry.size_bytes > json_files.SMALL_FILE
    assert entry.columns_ignored == ["pad"]
    assert shop.landed()[-1][1:] == ("999", "999", None)
    assert shop.went_fast() == (not bad)


def test_objects_without_any_declared_key_are_records(shop: Workshop) -> None:
    shop.load_one(lines({"Id": 1}, {}, {"z": 1}, {"Id": None}))
    assert shop.went_fast()
    assert shop.landed() == [
        (1, "1", None, None),
        (2, None, None, None),
        (3, None, None, None),
        (4, None, None, None),
    ]


def test_a_bare_null_among_blanks_is_quarantined(shop: Workshop) -> None:
    shop.load_one(lines(GOOD, b"  null" + b" " * 100, {}))
    assert shop.landed() == [(1, "ok", None, None), (3, None, None, None)]
    assert [row[:3] for row in shop.quarantine()] == [(2, 2, "not_an_object")]


def test_a_bare_null_in_a_large_file_is_quarantined(shop: Workshop) -> None:
    records = [{"Id": "x" * 1000}] * 2000
    shop.load_one(lines(*records, b"null", {}))
    assert [row[:4] for row in shop.quarantine()] == [(2001, 2001, "not_an_object", "null")]
    assert shop.landed()[-1] == (2002, None, None, None)


def test_a_large_file_with_blank_lines_lands_at_once(shop: Workshop) -> None:
    shop.load_one(lines(*[{"Id": "x" * 1000}, b"", {}] * 1000))
    assert len(shop.landed()) == 2000
    assert shop.went_fast()


@pytest.mark.parametrize(
    ("records", "landed", "bad"),
    [
        ([{}], [(1, None)], []),
        ([{"Id": 1}, *[{}] * 60], [(1, "1"), *[(n, None) for n in range(2, 62)]], []),
        ([{"Id": 1}, 12, "x"], [(1, "1")], [2, 3]),
        ([{"Id": 1}, None], [(1, "1")], [2]),
        ([{"Id": {"Id": 1}}, {"z": 1}], [(1, '{"Id":1}'), (2, None)], []),
    ],
)
@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_a_table_may_have_one_column_only(
    shop: Workshop, name: str, records: list, landed: list, bad: list
) -> None:
    shop.declare("sources: [{name: shop, tables: [{name: orders, columns: [{name: Id}]}]}]")
    as_array = json.dumps(records).encode()
    shop.load_one(as_array if name == "a.json" else lines(*records), name)
    path = str(shop.settings.lake / str(shop.entry(name).landed_file))
    found = duckdb.execute(
        "select coalesce(_source_record, file_row_number + 1), Id"
        " from read_parquet(?, file_row_number = true) order by file_row_number",
        [path],
    )
    assert found.fetchall() == landed
    assert [row[0] for row in shop.quarantine(name)] == bad


def test_an_undeclared_key_that_is_no_text_does_not_break_the_ledger(shop: Workshop) -> None:
    entry = shop.load_one(lines({"Id": 1}, b'{"Id": 2, "\\ud800": 1}'))
    assert entry.columns_ignored == []
    assert [row[2] for row in shop.quarantine()] == ["not_json"]


def test_keys_are_found_where_only_duckdb_reads_the_record(shop: Workshop) -> None:
    shop.load_one(lines(b'{"id": 1, "total": 2,}'))
    assert shop.landed() == [(1, "1", "2", None)]


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
@pytest.mark.parametrize("size", [1 << 20, 31 << 20])
def test_very_long_records_land_and_are_quarantined(shop: Workshop, name: str, size: int) -> None:
    long = b"x" * size
    content = lines(GOOD, b'{"Id": "' + long + b'"}', b"\xff" + long, GOOD)
    entry = shop.load_one(content, name)
    assert (entry.landed, entry.quarantined) == (3, 1)
    assert [(row[0], len(row[1])) for row in shop.landed(name)] == [(1, 2), (2, size), (4, 2)]
    record, line, reason, text, raw = shop.quarantine(name)[0]
    assert (record, line, reason) == (3, 3, "bad_bytes")
    assert raw == b"\xff" + long
    assert text.lower() == "\\xff" + "x" * size


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_line_beyond_all_bounds_is_refused(shop: Workshop, end: bytes) -> None:
    entry = shop.load_one(lines(GOOD) + b"x" * ((32 << 20) + 1) + end)
    assert entry.state == "refused"
    assert "line 2 is longer than 32 MiB" in str(entry.refusal)


def test_records_too_large_for_the_memory_do_not_keep_other_files_out(shop: Workshop) -> None:
    bad = b"\xff" + b"x" * (31 << 20)
    shop.write("b.jsonl", lines(GOOD))
    entry = shop.load_one(lines(GOOD, *[bad] * 5))
    if entry.state == "refused":
        assert "too large for the loader's memory" in str(entry.refusal)
    else:
        assert (entry.landed, entry.quarantined) == (1, 5)
    assert shop.entry("b.jsonl").state == "new"


def test_many_bad_records_keep_their_order_and_numbers(shop: Workshop) -> None:
    shop.load_one(lines(*([GOOD, b"{", b"", b"12"] * 5000)))
    assert [row[0] for row in shop.landed()] == list(range(1, 15_001, 3))
    rows = shop.quarantine()
    assert [row[0] for row in rows] == [n for n in range(1, 15_001) if n % 3 != 1]
    assert [row[1] for row in rows[:4]] == [2, 4, 6, 8]
    assert {row[2] for row in rows} == {"not_json", "not_an_object"}


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=3)
    ),
    max_leaves=5,
)
RECORDS = st.fixed_dictionaries(
    {"Id": JSON_VALUES}, optional={"Amount": JSON_VALUES, "Note": JSON_VALUES, "z": JSON_VALUES}
)


def by_value(landed: list[tuple], records: list[dict]) -> list[list[object]]:
    """What landed of records, with decimals as numbers: they may be spelled in any way."""
    return [
        [
            float(value) if isinstance(record.get(name), float) else value
            for name, value in zip(COLUMNS, row[1:], strict=True)
        ]
        for row, record in zip(landed, records, strict=True)
    ]


@settings(deadline=None, max_examples=60)
@given(records=st.lists(RECORDS, min_size=1, max_size=8), ascii=st.booleans())
def test_clean_records_land_the_same_on_both_paths(records: list[dict], ascii: bool) -> None:
    text = [json.dumps(record, ensure_ascii=ascii).encode() for record in records]
    with TemporaryDirectory() as folder:
        shop = Workshop(Path(folder))
        shop.load_one(lines(*text), "fast.jsonl")
        assert shop.went_fast("fast.jsonl")
        shop.load_one(b"\xef\xbb\xbf" + lines(*text), "careful.jsonl")
        assert not shop.went_fast("careful.jsonl")
        assert shop.landed("careful.jsonl") == shop.landed("fast.jsonl")
        again = {"Id": "again"}
        shop.load_one(lines(b'{"Id": 0, "id": 1}', *text, again), "spellings.jsonl")
        assert by_value(shop.landed("spellings.jsonl")[1:-1], records) == by_value(
            shop.landed("fast.jsonl"), records
        )


def is_good(line: bytes) -> bool:
    try:
        text = line.decode()
        value = json.loads(text)
        json.dumps(value, ensure_ascii=False).encode()
    except ValueError:
        return False
    return isinstance(value, dict)


@settings(deadline=None, max_examples=80)
@given(
    st.lists(
        RECORDS.map(lambda record: json.dumps(record).encode())
        | st.sampled_from([raw for _, raw, _ in BAD])
        | st.sampled_from([b"", b"  ", b"\r"])
        | st.binary(max_size=12).map(lambda raw: raw.replace(b"\n", b"")),
        max_size=12,
    )
)
def test_any_mix_of_good_and_bad_lines_balances(content: list[bytes]) -> None:
    text = lines(*content)
    # A carriage return beside a line feed is never part of a record (docs/loading.md).
    split = re.sub(rb"\r*\n\r*", b"\n", text.removeprefix(b"\xef\xbb\xbf")).split(b"\n")
    records = [line for line in split if line.strip()]
    good = [(n, line) for n, line in enumerate(records, 1) if is_good(line)]
    with TemporaryDirectory() as folder:
        shop = Workshop(Path(folder))
        entry = shop.load_one(text)
        if entry.state == "refused":
            none_read = f"none of its {len(records)} records can be read; it looks like "
            is_foreign = str(entry.refusal).startswith(none_read) and not good
            assert is_foreign or "required column" in str(entry.refusal)
            return
        assert entry.records == len(records) == entry.landed + entry.quarantined
        landed = shop.landed()
        bad = shop.quarantine()
        assert sorted([row[0] for row in landed] + [row[0] for row in bad]) == list(
            range(1, len(records) + 1)
        )
        assert {n for n, _ in good} == {row[0] for row in landed}
        assert [row[4] for row in bad] == [records[row[0] - 1] for row in bad]


ONE_COLUMN = """
sources:
  - name: shop
    tables:
      - name: orders
        columns:
          - name: Id
"""


@pytest.mark.parametrize("form", ["a.jsonl", "a.json"])
def test_a_table_of_one_column_takes_objects_only(tmp_path: Path, form: str) -> None:
    shop = Workshop(tmp_path)
    shop.declare(ONE_COLUMN)
    records = [b'{"Id":"1"}', b"[1]", b"5", b'"x"', b'{"Id":"2"}']
    text = b"[" + b",".join(records) + b"]" if form == "a.json" else b"\n".join(records)
    entry = shop.load_one(text, form)
    assert (entry.records, entry.landed, entry.quarantined) == (5, 2, 3)
    assert [row[0] for row in shop.quarantine(form)] == [2, 3, 4]


def test_a_large_clean_file_of_a_table_of_one_column_goes_fast(tmp_path: Path) -> None:
    shop = Workshop(tmp_path)
    shop.declare(ONE_COLUMN)
    shop.load_one(lines(*({"Id": str(n) * 20} for n in range(100_000))))
    path = str(shop.settings.lake / str(shop.entry().landed_file))
    landed = duckdb.execute("select count(_source_record), count(Id) from read_parquet(?)", [path])
    assert landed.fetchall() == [(0, 100_000)]
