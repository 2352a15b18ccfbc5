"""Delimited text: every dialect, every kind of damage, and both ways to land a file."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

import duckdb
import pytest
from casebook.lake.quarantine import Quarantine
from casebook.readers import delimited
from casebook.readers import split as split_module
from casebook.readers.base import Raw, Text, Workspace
from casebook.readers.count import DELIMITERS, DelimitedCounter
from casebook.readers.split import Splitter
from casebook.sources import read_sources
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from loading import Workshop
from loading import shop as shop

BOM = b"\xef\xbb\xbf"
MIB = 1 << 20
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
COLUMNS = ("Id", "Amount", "Note")
OPTIONAL = (
    "sources: [{name: shop, tables: [{name: orders, columns: [{name: Id}, {name: Amount},"
    " {name: Note}]}]}]"
)
SINGLE = "sources: [{name: shop, tables: [{name: orders, columns: [{name: Id}]}]}]"


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file is treated as a large one: DuckDB reads it before it is known to be clean."""
    monkeypatch.setattr(delimited, "LARGE_FILE", 0)


def first_column_only(shop: Workshop, name: str) -> list[str | None]:
    path = str(shop.settings.lake / str(shop.entry(name).landed_file))
    return [row[0] for row in duckdb.execute("select Id from read_parquet(?)", [path]).fetchall()]


# What is read, and how


@pytest.mark.parametrize("delimiter", DELIMITERS)
@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.txt", "a.csv.gz", "a.tsv.zst", "A.CSV"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", ["with", "without"])
def test_clean_text_lands_at_once(
    shop: Workshop, delimiter: str, name: str, line_end: str, last: str
) -> None:
    text = line_end.join(
        ["Id,Amount,Note", '1,"x, ""y""",é', '2,,""', "3,😀, z "] + [""] * (last == "with")
    ).replace(",", delimiter)
    entry = shop.load_one(text, name)
    assert (entry.format, entry.state, entry.records, entry.landed) == ("delimited", "new", 3, 3)
    assert entry.layout == {"delimiter": delimiter, "header": ["Id", "Amount", "Note"]}
    assert shop.landed(name) == [
        (1, "1", f'x{delimiter} "y"', "é"),
        (2, "2", None, None),
        (3, "3", "😀", " z "),
    ]
    assert shop.went_fast(name)


@pytest.mark.parametrize(
    ("content", "fast"),
    [
        (BOM + b"Id,Note\n1,x\n2,y\n", True),
        (BOM + b'"Id","Note"\r\n1,x\r\n2,y', True),
        (b'"Id", Note \n1,x\n2,y\n', True),
        (b'Id,"Note\nof an order",Note\n1,z,x\n2,z,y\n', True),
        (b"Id,Note\n\n1,x\n\n\n2,y\n\n", True),
        (b"Id,Note\r\n\r\n1,x\r\n2,y\r\n\r\n", True),
        (b"\n\r\nId,Note\n1,x\n2,y\n", False),
        (b"Id,Note\r\n1,x\n2,y\r\n", False),
        (b"Id,Note\n1,x\n2,y\r\n", False),
    ],
)
def test_marks_blank_lines_and_ends_of_lines_are_no_data(
    shop: Workshop, content: bytes, fast: bool
) -> None:
    shop.load_one(content, "a.csv")
    assert shop.landed("a.csv") == [(1, "1", None, "x"), (2, "2", None, "y")]
    assert shop.went_fast("a.csv") == fast


@pytest.mark.parametrize("content", [b"Id,Note\n", b"Id,Note", BOM + b"Id;Note\r\n\r\n", b"Id"])
def test_a_header_alone_is_a_delivery_of_no_records(shop: Workshop, content: bytes) -> None:
    entry = shop.load_one(content, "a.csv")
    assert (entry.state, entry.records, entry.landed, entry.quarantined) == ("new", 0, 0, 0)
    assert shop.landed("a.csv") == []


@pytest.mark.parametrize("content", [b"", BOM, b"\n\r\n\n"])
def test_an_empty_file_is_refused(shop: Workshop, content: bytes) -> None:
    entry = shop.load_one(content, "a.csv")
    assert entry.refusal == "no header: the file is empty"


def test_a_file_without_a_header_is_refused_with_its_first_record(shop: Workshop) -> None:
    entry = shop.load_one('17,0.99,"a\nb"\n18,1,x\n', "a.csv")
    assert entry.refusal == "lacks the required column Id; it has: 17, 0.99, a b"
    assert shop.load_one("x" * 5000, "b.csv").refusal == (
        "lacks the required column Id; it has: " + "x" * 200 + " …"
    )
    assert "lacks the required column" in str(shop.load_one(b'"Id,Note\n1,2\n', "c.csv").refusal)
    shop.declare(OPTIONAL)
    entry = shop.load_one("17;0.99\n18;1\n", "d.csv")
    assert entry.refusal == "no header: its first record is: 17;0.99"


@pytest.mark.parametrize(
    ("header", "amount", "ignored"),
    [
        ("Id, Total ,Note", "b", []),
        ("Id,amount,Amount", "c", ["amount"]),
        ("Id,amount,AMOUNT", "b", ["AMOUNT"]),
        ("Id,Amount,Amount", "b", ["Amount"]),
        ("Id,,Amount", "c", ["(column 2)"]),
        ("Id,Zeta,alpha", None, ["Zeta", "alpha"]),
    ],
)
@pytest.mark.parametrize("extra", ["", "x\n"])
def test_columns_match_by_name_then_case_then_alias(
    shop: Workshop, header: str, amount: str | None, ignored: list[str], extra: str
) -> None:
    entry = shop.load_one(f"{header}\na,b,c\n{extra}", "a.csv")
    assert shop.landed("a.csv")[0][:3] == (1, "a", amount)
    assert entry.columns_ignored == ignored
    assert shop.went_fast("a.csv") == (not extra)


@pytest.mark.parametrize(
    ("content", "delimiter"),
    [
        ("Id;x,Note;Amount\n1;2;3\n", ";"),
        ("Id,Note;Amount\na,b\nc,d\n", ","),
        ("Id,Note;Amount\na;b\nc;d\n", ";"),
        ("Id,Note;Amount\na;b\nc,d\n", ","),
        ("Id\na,b\nc\n", ";"),
        ("Id\na,b;c\nd\te\n", "|"),
        ("Id\n", ","),
    ],
)
def test_the_delimiter_is_what_makes_the_header_name_most(
    shop: Workshop, content: str, delimiter: str
) -> None:
    shop.declare(OPTIONAL)
    assert shop.load_one(content, "a.tsv").layout["delimiter"] == delimiter


# Values


VALUES = [
    (b"text", "text", True),
    (b"", None, True),
    (b'""', None, True),
    (b"NULL", "NULL", True),
    (b"\\N", "\\N", True),
    (b"  x  ", "  x  ", True),
    (b"   ", "   ", True),
    (b'"  x  "', "  x  ", True),
    (b"# no comment", "# no comment", True),
    (b"it's \\ 'so'", "it's \\ 'so'", True),
    (b'"a ""b"" c"', 'a "b" c', True),
    (b'""""', '"', True),
    (b'"a, b"', "a, b", True),
    (b'"a\nb"', "a\nb", True),
    (b'"\n\n"', "\n\n", True),
    (b'"a\r\nb"', "a\r\nb", True),
    (b'"a\rb"', "a\rb", False),
    (b"a\rb", "a\rb", False),
    (b'5" pipe', '5" pipe', None),
    (b'5"', '5"', None),
    (b'a ""b""', 'a ""b""', None),
    (b'a "b" c', 'a "b" c', None),
    (b' "a"', ' "a"', False),
    (b' "a, b"', None, False),
    (b' ""', ' ""', False),
    (b'\t"a"', '\t"a"', None),
    (b"a\x00b", "a\x00b", True),
    (b'"\x00"', "\x00", True),
    ("é 😀 \u2028 \u00a0".encode(), "é 😀 \u2028 \u00a0", True),
    (b"679644799952992890", "679644799952992890", True),
    (b"1.50", "1.50", True),
    (b"x" * 100_000, "x" * 100_000, True),
    (b'"' + b"y\n" * 300_000 + b'"', "y\n" * 300_000, True),
    (b'"' + b"z" * (MIB - 1) + b'"', "z" * (MIB - 1), False),
    (b'"' + b'""' * 300_000 + b'"', '"' * 300_000, True),
    (b"y" * 3_000_000, "y" * 3_000_000, False),
]


@pytest.mark.parametrize("hurry", [False, True])
@pytest.mark.parametrize(
    ("spelled", "value", "fast"), VALUES, ids=[repr(v[0][:20]) for v in VALUES]
)
def test_a_value_lands_the_same_whatever_its_neighbours(
    shop: Workshop,
    request: pytest.FixtureRequest,
    spelled: bytes,
    value: str | None,
    fast: bool | None,
    hurry: bool,
) -> None:
    if hurry:
        request.getfixturevalue("hurried")
    record = b"1," + spelled + b",z\n"
    is_bad = spelled == b' "a, b"'
    rows = [] if is_bad else [(1, "1", value, "z")]
    shop.load_one(b"Id,Amount,Note\n" + record, "clean.csv")
    assert shop.landed("clean.csv") == rows
    if fast is not None and not is_bad:
        assert shop.went_fast("clean.csv") == fast
    shop.load_one(b"Id,Amount,Note\n1\n" + record + b"3,x,y", "dirty.csv")
    assert shop.landed("dirty.csv") == [
        *((2, *row[1:]) for row in rows),
        (3, "3", "x", "y"),
    ]
    assert len(shop.quarantine("dirty.csv")) == 1 + is_bad
    last = b"Amount,Note,Id\nz,1," + spelled
    shop.load_one(last, "last.csv")
    assert shop.landed("last.csv") == ([] if is_bad else [(1, value, "z", "1")])


def test_one_column_files(shop: Workshop) -> None:
    shop.declare(SINGLE)
    for file, tail in (("fast.csv", b""), ("blank.csv", b"\n\r\n\n"), ("bad.csv", b'"x"y\n')):
        shop.load_one(b'Id\n1\n""\n" "\n \n"2\n3"\n' + tail, file)
        assert first_column_only(shop, file) == ["1", None, " ", " ", "2\n3"]
        assert shop.went_fast(file) == (file == "fast.csv")
    shop.load_one(b"Id\n\n1\n\n", "more.csv")
    assert first_column_only(shop, "more.csv") == ["1"]


# Bad records


HEAD = b"Id,Amount,Note\n"
GOOD = b"ok,1,2\n"
BAD = [
    ("too few fields", b"1,2", "wrong_field_count"),
    ("one field", b"1", "wrong_field_count"),
    ("a blank", b" ", "wrong_field_count"),
    ("too many fields", b"1,2,3,4", "wrong_field_count"),
    ("a delimiter at the end", b"1,2,3,", "wrong_field_count"),
    ("delimiters at the end", b"1,2,3,,", "wrong_field_count"),
    ("an empty field at the end", b'1,2,3,""', "wrong_field_count"),
    ("too few over two lines", b'1,"a\nb"', "wrong_field_count"),
    ("another delimiter", b"1;2;3", "wrong_field_count"),
    ("bad bytes", b"1,\xff,3", "bad_bytes"),
    ("bad bytes in quotes", b'1,"\xc3\n",3', "bad_bytes"),
    ("a cut character", b"1,2,3\xf0\x9f\x98", "bad_bytes"),
    ("a surrogate", b"1,\xed\xa0\x80,3", "bad_bytes"),
    ("an overlong zero", b"1,\xc0\x80,3", "bad_bytes"),
    ("text after a quote", b'1,"a"b,3', "text_after_quote"),
    ("a blank after a quote", b'1,"a" ,3', "text_after_quote"),
    ("a blank after the last quote", b'1,2,"a" ', "text_after_quote"),
    ("a return after a quote", b'1,"a"\r,3', "text_after_quote"),
    ("a quote too many", b'1,""a"",3', "text_after_quote"),
    ("text after a quote of two lines", b'1,2,"a\nb"c', "text_after_quote"),
]
TAKEN_FOR_EXTRA = ("a delimiter at the end", "an empty field at the end")
LINE_BY_LINE = ("text after a quote of two lines",)


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize(("name", "raw", "reason"), BAD, ids=[name for name, _, _ in BAD])
def test_a_bad_record_is_quarantined_and_its_neighbours_land(
    shop: Workshop,
    request: pytest.FixtureRequest,
    name: str,
    raw: bytes,
    reason: str,
    line_end: bytes,
    large: bool,
) -> None:
    if large:
        request.getfixturevalue("hurried")
    good = GOOD.rstrip() + line_end
    shop.load_one(HEAD.rstrip() + line_end + line_end + good + raw + line_end + good, "a.csv")
    if name in LINE_BY_LINE:
        first, second = raw.split(b"\n")
        bad = [(2, 4, reason, first), (3, 5, "wrong_field_count", second)]
    else:
        bad = [(2, 4, reason, raw)]
    assert [(*row[:3], row[4]) for row in shop.quarantine("a.csv")] == bad
    assert shop.landed("a.csv") == [(1, "ok", "1", "2"), (2 + len(bad), "ok", "1", "2")]
    if name in TAKEN_FOR_EXTRA:
        return
    entry = shop.load_one(HEAD + raw, "alone.csv")
    assert (entry.records, entry.landed) == (len(bad), 0)
    assert [row[1] for row in shop.quarantine("alone.csv")] == list(range(2, 2 + len(bad)))


def test_messages_say_what_was_found(shop: Workshop) -> None:
    shop.load_one(HEAD + b'1,2\n1,\xff,3\n1,2,"a"b\n1,"x\n', "a.csv")
    assert shop.messages("a.csv") == [
        "2 fields instead of 3",
        "not UTF-8: byte 0xFF at byte 3 of the record",
        "text follows the closing quote of field 3",
        "the quote of field 2 is not closed within 1 MiB",
    ]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b'1,"a', "unclosed_quote"),
        (b'"1,a,b', "unclosed_quote"),
        (b'1,a,"', "unclosed_quote"),
        (b'"', "unclosed_quote"),
        (b'1,"a"",b', "unclosed_quote"),
    ],
)
@pytest.mark.parametrize("before", [0, 2])
@pytest.mark.parametrize("after", [0, 2])
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_a_quote_that_stays_open_costs_its_line(
    shop: Workshop, bad: bytes, reason: str, before: int, after: int, line_end: bytes
) -> None:
    body = HEAD + GOOD * before + bad + b"\n" + GOOD * after
    entry = shop.load_one(body.replace(b"\n", line_end), "a.csv")
    assert entry.landed == before + after
    assert [(*row[:3], row[4]) for row in shop.quarantine("a.csv")] == [
        (before + 1, before + 2, reason, bad)
    ]


def test_a_quote_that_meets_another_costs_its_line(shop: Workshop) -> None:
    shop.load_one(HEAD + b'1,2,"b\n' + GOOD + b'3,"x, y",z\n' + GOOD, "a.csv")
    assert [row[:3] for row in shop.quarantine("a.csv")] == [(1, 2, "text_after_quote")]
    assert [row[:2] for row in shop.landed("a.csv")] == [(2, "ok"), (3, "3"), (4, "ok")]


def test_a_second_quote_that_stays_open_ends_its_record_with_its_line(shop: Workshop) -> None:
    shop.load_one(HEAD + b'1,"a\nb","c\n' + GOOD, "a.csv")
    assert [row[:4] for row in shop.quarantine("a.csv")] == [
        (1, 2, "unclosed_quote", '1,"a\nb","c')
    ]
    assert shop.landed("a.csv") == [(2, "ok", "1", "2")]


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
@pytest.mark.parametrize("filler", [b"x" * 99 + b"\n", b"o,k,2\n"])
def test_a_quote_is_closed_within_a_mebibyte_or_not_at_all(
    shop: Workshop, name: str, filler: bytes
) -> None:
    text = (filler * (MIB // len(filler) + 1))[: MIB - 2] + b"\n"
    for size, is_good in ((MIB - 1, True), (MIB, False)):
        field = b"x" * (size - len(text)) + text
        entry = shop.load_one(HEAD + GOOD + b'1,"' + field + b'",2\n' + GOOD, name)
        if is_good:
            assert (entry.records, entry.quarantined) == (3, 0)
            assert [len(str(row[2])) for row in shop.landed(name)] == [1, size, 1]
        else:
            first = (b'1,"' + field).split(b"\n")[0]
            assert shop.quarantine(name)[0][:3] == (2, 3, "unclosed_quote")
            assert shop.quarantine(name)[0][4] == first
            assert shop.landed(name)[-1][1] == "ok"
            assert entry.records == entry.landed + entry.quarantined
        shop.folder.joinpath(name).unlink()


MOVIE = (
    b'False,,0,"[{\'id\': 18, \'name\': \'Drama\'}]",,1,tt1,en,Title,"An overview, with ""quotes""'
    b" in it.\",1.5,/p.jpg,\"[{'name': 'Pixar, Inc', 'id': 3}]\",\"[{'iso': 'US'}]\",1995-10-30,"
    b"373554033,81.0,\"[{'iso_639_1': 'en', 'name': 'English'}]\",Released,,Title,False,7.7,5415\n"
)
MOVIE_HEADER = (
    b"adult,belongs_to_collection,budget,genres,homepage,id,imdb_id,original_language,"
    b"original_title,overview,popularity,poster_path,production_companies,production_countries,"
    b"release_date,revenue,runtime,spoken_languages,status,tagline,title,video,vote_average,"
    b"vote_count\n"
)


@pytest.mark.parametrize("overview", [b"An overview\nthat goes on", b'say 5" or\nless "so"'])
def test_a_movie_split_by_a_newline_is_two_fragments(shop: Workshop, overview: bytes) -> None:
    shop.declare(
        "sources: [{name: shop, tables: [{name: orders, columns: [{name: Id, config: {meta:"
        " {required: true}}}, {name: Amount, config: {meta: {aliases: [revenue]}}},"
        " {name: Note, config: {meta: {aliases: [overview]}}}]}]}]"
    )
    fields = MOVIE.split(b'"An overview, with ""quotes"" in it."')
    split = overview.join(fields)
    entry = shop.load_one(MOVIE_HEADER + MOVIE + split + MOVIE, "a.csv")
    assert (entry.records, entry.landed, entry.quarantined) == (4, 2, 2)
    good = ("1", "373554033", 'An overview, with "quotes" in it.')
    assert shop.landed("a.csv") == [(1, *good), (4, *good)]
    first, second = split.rstrip(b"\n").split(b"\n")
    assert [(*row[:3], row[4]) for row in shop.quarantine("a.csv")] == [
        (2, 3, "wrong_field_count", first),
        (3, 4, "wrong_field_count", second),
    ]
    assert shop.messages("a.csv") == ["10 fields instead of 24", "15 fields instead of 24"]


@pytest.mark.parametrize(
    ("name", "size"), [("a.csv", 1 << 20), ("a.csv.gz", 1 << 20), ("a.csv", 31 << 20)]
)
def test_very_long_records_land_and_are_quarantined(shop: Workshop, name: str, size: int) -> None:
    long = b"x" * size
    shop.load_one(HEAD + GOOD + b"2," + long + b',"3\n"\n\xff' + long + b"\n" + GOOD, name)
    assert [(row[0], len(str(row[2]))) for row in shop.landed(name)] == [(1, 1), (2, size), (4, 1)]
    record, line, reason, _, raw = shop.quarantine(name)[0]
    assert (record, line, reason, raw) == (3, 5, "bad_bytes", b"\xff" + long)


def test_a_record_beyond_all_bounds_is_refused(shop: Workshop) -> None:
    entry = shop.load_one(HEAD + GOOD + b"x" * ((32 << 20) + 1), "a.csv")
    assert "the record in line 3 is longer than 32 MiB" in str(entry.refusal)
    field = b'"' + b"x\n" * (500 << 10) + b'",'
    entry = shop.load_one(HEAD + field * 34, "b.csv")
    assert "the record in line 2 is longer than 32 MiB" in str(entry.refusal)


def test_many_bad_records_keep_their_order_and_numbers(shop: Workshop) -> None:
    shop.load_one(HEAD + b'ok,1,2\nx\n\n1,"y\n' * 5000, "a.csv")
    rows = shop.quarantine("a.csv")
    assert len(shop.landed("a.csv")) + len(rows) == shop.entry("a.csv").records == 15_000
    assert [row[0] for row in shop.landed("a.csv")] == list(range(1, 15_001, 3))
    assert [row[1] for row in rows[:4]] == [3, 5, 7, 9]


# What DuckDB does otherwise


TRAPS = [
    ("a trailing delimiter", b"Id,Note\n1,2,\n3,4\n", 1, 1),
    ("two that balance", b"Id,Note\n1,2,\n3\n", 0, 2),
    ("a blank beside a quote", b'Id,Note\n1, "x"\n3,"y"\n', 2, 0),
    ("a blank behind a quote", b'Id,Note\n1,"x" \n3,"y"\n', 1, 1),
    ("bad bytes in a column not read", b"Id,other,Note\n1,\xff,2\n3,x,4\n", 1, 1),
    ("bad bytes and missing fields", b"other,Id,Note\n1,2,\xff\n1,2\n3,x,4\n", 1, 2),
    ("carriage returns alone", b"Id,x\r1,2\r3,4\r", 2, 0),
    ("a blank line first", b"\nId,Note\n1,2\n", 1, 0),
    ("a blank line and a delimiter too many", b"Id,Note\n1,2,\n\n", 1, 0),
    ("stray quotes around a line end", b'Id,Note\n1,a"b\n3,c"d\n', 2, 0),
]


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize(
    ("content", "landed", "bad"), [t[1:] for t in TRAPS], ids=[t[0] for t in TRAPS]
)
def test_what_duckdb_takes_otherwise_is_split_here(
    shop: Workshop,
    request: pytest.FixtureRequest,
    content: bytes,
    landed: int,
    bad: int,
    large: bool,
) -> None:
    if large:
        request.getfixturevalue("hurried")
    shop.write("a.csv", content)
    shop.write("b.csv", b"Id,Note\n1,2\n")
    shop.load()
    entry = shop.entry("a.csv")
    assert (entry.refusal, entry.landed, entry.quarantined) == (None, landed, bad)
    assert shop.landed("b.csv") == [(1, "1", None, "2")]
    assert entry.records == landed + bad


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_first_line_counts_blank_lines_and_those_in_quotes(shop: Workshop, end: str) -> None:
    content = ["Id,Note", "", '1,"x', "", 'y"', "", "", "bad", '2,"z', '"', "", "worse", ""]
    shop.load_one(end.join(content), "a.csv")
    assert shop.landed("a.csv") == [(1, "1", None, f"x{end}{end}y"), (3, "2", None, f"z{end}")]
    assert [row[:3] for row in shop.quarantine("a.csv")] == [
        (2, 8, "wrong_field_count"),
        (4, 12, "wrong_field_count"),
    ]


def test_a_field_after_the_last_name_may_be_empty_in_quotes(shop: Workshop) -> None:
    shop.load_one('Id,Note\n1,x,\n2,y,""\n3,z,"a"\n', "a.csv")
    assert shop.landed("a.csv") == [(1, "1", None, "x"), (2, "2", None, "y")]
    assert [row[:3] for row in shop.quarantine("a.csv")] == [(3, 4, "wrong_field_count")]


def test_the_first_quoted_line_end_is_not_taken_for_that_of_all_lines(shop: Workshop) -> None:
    for name, bad in (("fast.csv", b""), ("careful.csv", b"1\n")):
        shop.load_one(b'Id,Note\n1,"a\r\nb"\n2,"c\rd"\n' + bad, name)
        assert [row[3] for row in shop.landed(name)] == ["a\r\nb", "c\rd"]


def test_a_large_file_lands_at_once_and_equal_to_its_parts(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delimited, "ROW_GROUP", 4096)
    rows = [
        b'%d,"%b, ""x""\r\n%b",%b\n' % (n, b"y" * (n % 700), b"\n" * (n % 3), b"z " * (n % 9))
        for n in range(30_000)
    ]
    content = HEAD + b"".join(rows)
    assert len(content) > delimited.LARGE_FILE
    shop.load_one(content, "fast.csv")
    assert shop.went_fast("fast.csv")
    shop.load_one(content + b"bad\n", "careful.csv")
    assert shop.landed("careful.csv") == shop.landed("fast.csv")
    assert shop.landed("fast.csv")[29_999][2:] == (
        "y" * (29_999 % 700) + ', "x"\r\n' + "\n" * (29_999 % 3),
        "z " * (29_999 % 9) or None,
    )


# One record by itself


def again(shop: Workshop, layout: dict, *raws: bytes) -> tuple[list[tuple], list[str]]:
    """What lands of records by themselves, numbered from 7; the reasons of the others."""
    table = read_sources(shop.root)["shop.orders"]
    work = Path(mkdtemp(dir=shop.root))
    with duckdb.connect() as connection:
        quarantine = Quarantine(work / "quarantine.jsonl")
        workspace = Workspace(connection, work, work / "landed.parquet", quarantine)
        texts = [Text(7 + n, 70 + n, raw) for n, raw in enumerate(raws)]
        landed = delimited.READER.again(table, workspace, layout, texts)
        rows = connection.execute(
            f"select _source_record, Id, Amount, Note from '{workspace.landed}'"
        ).fetchall()
        assert landed == len(rows)
        quarantine.write(connection, work / "rejected.parquet", "f", "h")
        if not quarantine.count:
            return rows, []
        found = connection.execute(
            f"select reason_code from '{work / 'rejected.parquet'}' order by record"
        )
        return rows, [row[0] for row in found.fetchall()]


def test_a_record_by_itself_is_read_as_in_its_file(shop: Workshop) -> None:
    layout = {"delimiter": ";", "header": ["ID", "other", "Total"]}
    raws = (b"1;x;2", b"1;x;2\n", b'"1\n2";x;\r\n', b"1;2", b"1;x;\xff", b'1;"x', b'1;x;"y"z')
    more = (b"1;x;2\n3;x;4\n", b"", b"\n", b'1;"x\n3;x;4', b'5" x;;')
    rows, reasons = again(shop, layout, *raws, *more)
    assert rows == [
        (7, "1", "2", None),
        (8, "1", "2", None),
        (9, "1\n2", None, None),
        (18, '5" x', None, None),
    ]
    assert reasons == [
        "wrong_field_count",
        "bad_bytes",
        "unclosed_quote",
        "text_after_quote",
        "not_one_record",
        "not_one_record",
        "not_one_record",
        "unclosed_quote",
    ]


@pytest.mark.parametrize("record", [b'3,"%b"', b"3,x%bx", b'3,"x"%bx'])
def test_a_long_run_of_returns_is_looked_at_once(shop: Workshop, record: bytes) -> None:
    """From each of them on, it took minutes."""
    begun = time.process_time()
    content = b"Id,Note\n1,a\n" + record % (b"\r" * (1 << 19)) + b'\n2,"b\nb"\n'
    entry = shop.load_one(content, "a.csv")
    assert (entry.landed, entry.quarantined) == ((2, 1) if b'"x' in record else (3, 0))
    assert time.process_time() - begun < 10


def test_a_record_by_itself_is_read_by_todays_declaration(shop: Workshop) -> None:
    layout = {"delimiter": ",", "header": ["key", "Note"]}
    assert again(shop, layout, b"1,2") == ([(7, None, None, "2")], [])
    shop.declare(
        "sources: [{name: shop, tables: [{name: orders, columns: [{name: Id, config: {meta:"
        " {aliases: [key]}}}, {name: Amount}, {name: Note}]}]}]"
    )
    assert again(shop, layout, b"1,2") == ([(7, "1", None, "2")], [])


def test_what_was_quarantined_is_quarantined_again_for_the_same_reason(shop: Workshop) -> None:
    bad = [raw + b"\n" for name, raw, _ in BAD if name not in LINE_BY_LINE]
    shop.load_one(HEAD + b"".join(bad), "a.csv")
    rows = shop.quarantine("a.csv")
    _, reasons = again(shop, shop.entry("a.csv").layout, *(row[4] for row in rows))
    assert reasons == [row[2] for row in rows]


# An independent splitter, one byte after another


@dataclass(frozen=True)
class Found:
    """A record: its first line, its bytes, its fields if it is good, else the reason."""

    first_line: int
    raw: bytes
    fields: list[bytes]
    reason: str | None = None


END = re.compile(rb"\r*\n\r*|\r*\Z")


def split(data: bytes, delimiter: bytes, fields: int, has_extra: bool = False) -> Iterator[Found]:
    """The records of a text by the rules, its header first; line feeds end its lines.

    Where there is one field more than the header names, it must be empty.
    """
    data = data.removeprefix(BOM).lstrip(b"\r")
    at, line = 0, 1
    while at < len(data):
        if blank := re.compile(rb"\r*\n\r*").match(data, at):
            at, line = blank.end(), line + 1
            continue
        found, after = split_one(data, at, line, delimiter)
        if found.reason is None:
            try:
                found.raw.decode()
            except UnicodeDecodeError:
                found = Found(line, found.raw, [], "bad_bytes")
        is_odd = len(found.fields) != fields or (has_extra and found.fields[-1])
        if found.reason is None and is_odd:
            found = Found(line, found.raw, [], "wrong_field_count")
        yield found
        line += data.count(b"\n", at, after)
        at = after


def split_one(data: bytes, start: int, line: int, delimiter: bytes) -> tuple[Found, int]:
    at, fields = start, []
    while True:
        opening, field, reason = at, b"", None
        if data[at : at + 1] == b'"':
            at, reason = at + 1, "unclosed_quote"
            while at < len(data) and at <= opening + MIB:
                if data[at : at + 2] == b'""':
                    field, at = field + b'"', at + 2
                elif data[at : at + 1] == b'"':
                    at, reason = at + 1, None
                    break
                else:
                    field, at = field + data[at : at + 1], at + 1
        else:
            while data[at : at + 1] != delimiter and not END.match(data, at):
                field, at = field + data[at : at + 1], at + 1
        if reason is None and data[at : at + 1] != delimiter and not END.match(data, at):
            reason = "text_after_quote"
        if reason:
            end = END.search(data, opening)
            assert end
            return Found(line, data[start : end.start()], [], reason), end.end()
        fields.append(field)
        if data[at : at + 1] != delimiter:
            end = END.match(data, at)
            assert end
            return Found(line, data[start:at], fields), end.end()
        at += 1


def check_against_the_oracle(shop: Workshop, content: bytes, name: str = "a.csv") -> list[Found]:
    """Load a text and compare all that became of it with what the rules say; gives the records."""
    entry = shop.load_one(content, name)
    assert entry.refusal is None
    header = entry.layout["header"]
    has_extra = entry.layout.get("has_extra", False)
    _, *records = split(content, entry.layout["delimiter"].encode(), len(header), has_extra)
    places = [header.index(c) if c in header else None for c in COLUMNS]
    assert shop.landed(name) == [
        (n, *(None if p is None else r.fields[p].decode() or None for p in places))
        for n, r in enumerate(records, 1)
        if r.reason is None
    ]
    assert [(*row[:3], row[4]) for row in shop.quarantine(name)] == [
        (n, r.first_line, r.reason, r.raw) for n, r in enumerate(records, 1) if r.reason
    ]
    assert entry.records == len(records) == entry.landed + entry.quarantined
    table = read_sources(shop.root)["shop.orders"]
    raw = Raw(shop.folder / name, None, table, lambda: pytest.fail("not needed"))
    if name == "a.csv":
        assert list(delimited.texts(raw)) == [(n, r.raw) for n, r in enumerate(records, 1)]
    return records


FIELDS = st.text(
    st.sampled_from('"",;\t|\n\r \0é😀ab') | st.characters(exclude_categories=["Cs"]),
    max_size=6,
) | st.sampled_from(["", "x" * 5000, " " * 3, '"' * 7, "\r\n" * 20, "NULL"])
HEADERS = st.sampled_from([["Id", "Note"], ["z", "Id", "Amount"], ["Note", "Id", "y y", "Amount"]])


@dataclass(frozen=True)
class Written:
    """A table, and how it was written."""

    header: list[str]
    delimiter: str
    rows: list[list[str]]
    records: list[bytes]
    content: bytes
    name: str


@st.composite
def tables(draw: st.DrawFn, line_ends: tuple[str, ...] = ("\n", "\r\n", "mixed")) -> Written:
    header, delimiter = draw(HEADERS), draw(st.sampled_from(DELIMITERS))
    width = len(header)
    rows = draw(st.lists(st.lists(FIELDS, min_size=width, max_size=width), max_size=6))
    quote_all, line_end = draw(st.booleans()), draw(st.sampled_from(line_ends))
    ends = itertools.cycle(["\n", "\r\n"] if line_end == "mixed" else [line_end])

    def spell(field: str) -> str:
        must = any(c in field for c in (delimiter, '"', "\n", "\r"))
        return '"' + field.replace('"', '""') + '"' if must or quote_all else field

    records = [delimiter.join(map(spell, row)).encode() for row in rows]
    content = delimiter.join(header).encode() + next(ends).encode()
    content += b"".join(record + next(ends).encode() for record in records)
    if draw(st.booleans()):
        content = content.removesuffix(b"\n").removesuffix(b"\r")
    content = draw(st.sampled_from([b"", BOM])) + content
    name = draw(st.sampled_from(["b.csv", "b.txt.gz", "b.tsv.zst"]))
    return Written(header, delimiter, rows, records, content, name)


@settings(UNHURRIED, max_examples=60)
@given(table=tables())
def test_any_table_in_any_dialect_lands_as_it_was_written(table: Written) -> None:
    places = [
        table.header.index(c) if c in table.header else None for c in ("Id", "Amount", "Note")
    ]
    rows = [tuple(None if p is None else row[p] or None for p in places) for row in table.rows]
    with TemporaryDirectory() as folder:
        shop = Workshop(Path(folder))
        entry = shop.load_one(table.content, table.name)
        assert (entry.refusal, entry.landed, entry.quarantined) == (None, len(rows), 0)
        assert entry.layout["delimiter"] == table.delimiter
        assert shop.landed(table.name) == [(n, *row) for n, row in enumerate(rows, 1)]
        end = b"" if table.content.endswith(b"\n") else b"\n"
        shop.load_one(table.content + end + b"bad", "careful.csv")
        assert shop.landed("careful.csv") == shop.landed(table.name)
        assert shop.quarantine("careful.csv")[0][0] == len(rows) + 1


@st.composite
def damaged(draw: st.DrawFn) -> tuple[Written, bytes, set[int]]:
    """A table, its text with damage to some records, and which records those are."""
    table = draw(tables(line_ends=("\n", "\r\n")))
    line_end = b"\r\n" if table.content.split(b"\n")[0].endswith(b"\r") else b"\n"
    hurt = draw(st.sets(st.integers(0, max(len(table.records) - 1, 0)), max_size=3))
    hurt = {n for n in hurt if n < len(table.records)}
    records = list(table.records)
    for n in hurt:
        at = draw(st.integers(0, len(records[n])))
        kind = draw(st.sampled_from(["delimiter", "drop", "byte", "cut", "quote", "newline"]))
        before, after = records[n][:at], records[n][at:]
        insert = {"delimiter": table.delimiter.encode(), "byte": b"\xff", "quote": b'"'}
        if kind == "drop":
            records[n] = records[n].replace(table.delimiter.encode(), b"", 1)
        else:
            middle = insert.get(kind, line_end if kind == "newline" else b"")
            records[n] = before + middle + (b"" if kind == "cut" else after)
    header = table.delimiter.join(table.header).encode()
    return table, line_end.join([header, *records, b""]), hurt


@settings(UNHURRIED, max_examples=60)
@given(damaged())
def test_any_damage_is_quarantined_and_nothing_else(case: tuple[Written, bytes, set[int]]) -> None:
    table, content, hurt = case
    with TemporaryDirectory() as folder:
        shop = Workshop(Path(folder))
        found = check_against_the_oracle(shop, content)
        whole = {r.raw for r in found if r.reason is None}
        open_quotes = [
            table.records[n]
            for n in range(len(table.records))
            if n not in hurt and table.records[n] not in whole and table.records[n]
        ]
        swallowed = b"\n".join(r.raw for r in found if r.reason or b"\n" in r.raw)
        assert all(record.split(b"\n")[0].rstrip(b"\r") in swallowed for record in open_quotes)
        if b'"' not in content:
            assert not open_quotes


TOKENS = st.sampled_from(
    [b"a", b" ", b'"', b'"', b'""', b",", b",", b"\n", b"\r\n", b"\r", b"\0", b"\xff", b"\xc3\xa9"]
)


@settings(UNHURRIED, max_examples=80)
@given(st.lists(TOKENS, max_size=25), st.sampled_from([b"Id,Note", b"z,Id,Note", b"Id,z"]))
def test_any_bytes_land_by_the_rules(tokens: list[bytes], header: bytes) -> None:
    with TemporaryDirectory() as folder:
        check_against_the_oracle(Workshop(Path(folder)), header + b"\n" + b"".join(tokens))


@settings(UNHURRIED, max_examples=300)
@given(st.lists(TOKENS, max_size=30).map(b"".join), st.integers(1, 9))
@example(b'"x\ny"\r\na,b\r\n', 1)
@example(b'"x""y","z"', 1)
def test_records_do_not_depend_on_the_blocks_that_are_read(text: bytes, block: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(split_module, "BLOCK", block)
        patch.setattr(split_module, "_LARGEST_BLOCK", block)
        pieces = list(Splitter(",", "\n").split(BytesIO(text)))
    records = [
        (raw, piece.code)
        for piece in pieces
        for raw in ([piece.raw] if piece.lines else piece.raw.split(b"\n")[:-1])
    ]
    in_quotes = ("unclosed_quote", "text_after_quote")
    assert [record for record in records if record[0]] == [
        (found.raw, found.reason if found.reason in in_quotes else None)
        for found in split(text, b",", 2)
    ]


@settings(UNHURRIED, max_examples=300)
@given(
    st.lists(TOKENS, max_size=30).map(b"".join),
    st.lists(st.integers(0, 40), max_size=6),
)
@example(b'"\n" \n', [2])
@example(b' "a\nb"\n', [4])
def test_the_count_does_not_depend_on_the_pieces(text: bytes, cuts: list[int]) -> None:
    whole, pieces = DelimitedCounter(), DelimitedCounter()
    whole.add(text)
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    for start, end in itertools.pairwise(places):
        pieces.add(bytearray(text[start:end]))
    assert (pieces.finish(), pieces.is_plain) == (whole.finish(), whole.is_plain) or not (
        pieces.is_plain or whole.is_plain
    )
    assert (
        pieces.lines() == whole.lines() == len(re.findall(rb"[^\n]*\n|[^\n]*[^\n\r][^\n]*\Z", text))
    )
    if whole.is_plain and not whole.finish().ends_quoted:
        outside = b"".join(text.split(b'"')[::2])
        counted = whole.finish()
        assert counted.ends == outside.count(b"\n")
        assert counted.delimiters[","] == outside.count(b",")


def test_what_is_repeated_without_a_way_back_has_an_empty_alternative() -> None:
    # Before Python 3.11.5 such a repeat ends where its last try failed, not where it began.
    package = Path(split_module.__file__).parents[1]
    repeated = re.compile(r"(.)\)(?:[*+?]|\{[0-9,]+\})\+")
    before = [
        found[1] for path in package.rglob("*.py") for found in repeated.finditer(path.read_text())
    ]
    assert len(before) > 5
    assert set(before) == {"|"}
