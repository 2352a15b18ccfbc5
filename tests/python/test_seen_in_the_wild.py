"""What the cases' real files were seen to hold, in small, as the loader must read it."""

from __future__ import annotations

import ast
import bz2
import csv
import gzip
import hashlib
import itertools
import json
import lzma
import math
import os
import re
import sqlite3
import zipfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import jinja2
import pytest
import yaml
from casebook.lake.ledger import LedgerEntry
from casebook.load.run import load
from casebook.readers.archives import zstd
from casebook.readers.count import NEARLY_WHOLE, JsonCounter
from hypothesis import given, settings
from hypothesis import strategies as st
from loading import SOURCES, Workshop
from loading import shop as shop
from workbench import FIGURES, PROJECT, PUBLIC_RAW

REQUIRED = {"config": {"meta": {"required": True}}}
LITERAL = {"config": {"meta": {"required": True, "decode": "python_literal"}}}


def columns(**of: dict) -> list[dict]:
    return [{"name": name, **more} for name, more in of.items()]


def alias(*names: str, required: bool = False) -> dict:
    return {"config": {"meta": {"aliases": list(names), "required": required}}}


TRACK = columns(
    TrackId=alias("tracks.TrackId", required=True),
    Name=alias("tracks.Name"),
    Composer=alias("tracks.Composer"),
    Milliseconds=alias("tracks.Milliseconds"),
    UnitPrice=alias("tracks.UnitPrice"),
)
DECLARED = {
    "movies": {
        "movies_metadata": {
            "config": {"meta": {"key": ["id"]}},
            "columns": columns(
                adult={},
                budget=REQUIRED,
                genres=LITERAL,
                id=REQUIRED,
                imdb_id={},
                overview={},
                popularity=REQUIRED,
                production_companies=LITERAL,
                release_date=REQUIRED,
                revenue=REQUIRED,
                title=REQUIRED,
            ),
        }
    },
    "storefront": {
        "product_events": {
            "config": {"meta": {"path_values": ["platform"]}},
            "columns": columns(
                events=REQUIRED,
                mpid={},
                timestamp_unixtime_ms={},
                batch_id={},
                message_id={},
            ),
        },
        "orders": {
            "config": {"meta": {"key": ["id"]}},
            "columns": columns(
                id=REQUIRED,
                order_date=REQUIRED,
                order_status=alias("status", required=True),
                device_type=alias("device", required=True),
            ),
        },
    },
    "music_store": {
        "tracks": {"config": {"meta": {"key": ["TrackId"]}}, "columns": TRACK},
        "artists": {"columns": columns(ArtistId=REQUIRED, Name={})},
        "orders": {"columns": columns(invoice_date=REQUIRED, UnitPrice={}, genre={})},
    },
}


class Cases(Workshop):
    """A project that declares a table or more of each case."""

    def __post_init__(self) -> None:
        super().__post_init__()
        sources = [
            {"name": source, "tables": [{"name": name, **table} for name, table in tables.items()]}
            for source, tables in DECLARED.items()
        ]
        self.declare(yaml.safe_dump({"sources": sources}))

    def deliver(self, name: str, content: bytes | str) -> None:
        path = self.root / "raw" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def ledger(self, name: str) -> LedgerEntry:
        (entry,) = [e for e in self.lake.entries() if e.source_file == name]
        return entry

    def rows(self, name: str, *wanted: str) -> list[tuple]:
        """Record number and columns of every landed record of a file."""
        entry = self.ledger(name)
        assert entry.refusal is None, entry.refusal
        quoted = ", ".join(f'"{column}"' for column in wanted)
        return duckdb.execute(
            f"select coalesce(_source_record, file_row_number + 1) as record, {quoted}"
            " from read_parquet($1, file_row_number = true) order by record",
            [str(self.settings.lake / str(entry.landed_file))],
        ).fetchall()


@pytest.fixture
def cases(tmp_path: Path) -> Cases:
    return Cases(tmp_path)


# --- Movies

MOVIES = "movies/movies_metadata/monthly.csv"


def test_a_movie_file_with_other_columns_a_bom_and_us_dates(cases: Cases) -> None:
    header = "Title,ID,budget,revenue,popularity,release_date,genres,production_companies,score"
    row = "Toy Story,862,30000000,373554033,21.946943,10/30/1995,[],[],7.7"
    cases.deliver(MOVIES, b"\xef\xbb\xbf" + f"{header}\r\n{row}\r\n".encode())
    cases.load()
    assert cases.rows(MOVIES, "id", "title", "release_date", "adult", "imdb_id") == [
        (1, "862", "Toy Story", "10/30/1995", None, None)
    ]
    assert cases.ledger(MOVIES).columns_ignored == ["score"]


# --- Storefront


def message(code: str | None, at: object, **more: object) -> dict[str, Any]:
    attributes = {"actualPrice": "189.9", "base": "p"} | ({"codeColor": code} if code else {})
    event = {
        "data": {
            "custom_event_type": "navigation",
            "event_name": "product",
            "timestamp_unixtime_ms": at,
            "event_id": 679644799952992890,
            "session_id": -7147916473548193691,
            "custom_attributes": attributes,
        },
        "event_type": "custom_event",
    }
    return {"events": [event], "mpid": -196509116834317511, "timestamp_unixtime_ms": at, **more}


MESSAGES = [
    message("20008657_002", 1515546904352, message_id="a", batch_id=-9, schema_version=1),
    message(None, 1454361579158.9556),
    {"events": [], "mpid": 1, "timestamp_unixtime_ms": 1454361579158},
    {
        "events": message("1_2", 1)["events"] * 2,
        "mpid": 2,
        "timestamp_unixtime_ms": 0,
    },
]


@pytest.mark.parametrize("form", ["compact", "pretty", "lines"])
def test_messages_come_as_arrays_or_lines_packed_or_not(cases: Cases, form: str) -> None:
    indent = 2 if form == "pretty" else None
    text = json.dumps(MESSAGES, indent=indent)
    if form == "lines":
        text = "".join(json.dumps(one) + "\n" for one in MESSAGES)
    plain = "storefront/product_events/MobileWeb/a.json"
    packed = "storefront/product_events/iOS/a.json.gz"
    cases.deliver(plain, text)
    cases.deliver(packed, gzip.compress(text.encode()))
    cases.load()
    for name in (plain, packed):
        rows = cases.rows(name, "events", "mpid", "timestamp_unixtime_ms", "message_id")
        assert [json.loads(events) for _, events, *_ in rows] == [m["events"] for m in MESSAGES]
        assert "679644799952992890" in rows[0][1] and "-7147916473548193691" in rows[0][1]
        assert "1454361579158.9556" in rows[1][1]
        assert [row[2] for row in rows] == ["-196509116834317511"] * 2 + ["1", "2"]
        assert [row[4] for row in rows] == ["a", None, None, None]
        assert cases.ledger(name).columns_ignored == ["schema_version"]


# --- Music store


def test_tracks_come_as_csv_and_json_lines_in_one_folder(cases: Cases) -> None:
    cases.deliver(
        "music_store/tracks/tracks_0.csv",
        "tracks.TrackId,tracks.Name,tracks.Composer,tracks.Milliseconds,tracks.UnitPrice\n"
        '1,"For Those, About",,343719,0.99\n2,Balls,NA,342562,0.99\n',
    )
    cases.deliver(
        "music_store/tracks/tracks_1.json",
        '{"TrackId": 3, "Name": "Fast As a Shark", "Composer": null, "UnitPrice": 0.99}\n\n'
        '{"tracks.TrackId": 4, "tracks.Name": "Été", "tracks.UnitPrice": 1.0}',
    )
    cases.load()
    wanted = ("TrackId", "Name", "Composer", "UnitPrice")
    assert cases.rows("music_store/tracks/tracks_0.csv", *wanted) == [
        (1, "1", "For Those, About", None, "0.99"),
        (2, "2", "Balls", "NA", "0.99"),
    ]
    assert cases.rows("music_store/tracks/tracks_1.json", *wanted) == [
        (1, "3", "Fast As a Shark", None, "0.99"),
        (2, "4", "Été", None, "1.0"),
    ]


def test_a_database_delivers_the_tables_that_are_declared(cases: Cases) -> None:
    (cases.root / "raw" / "music_store").mkdir()
    path = cases.root / "raw" / "music_store" / "chinook.db"
    with sqlite3.connect(path) as database:
        database.execute("create table tracks (TrackId integer primary key, Name, Milliseconds)")
        database.execute("insert into tracks values (7, 'Fernando', 5286953), (2, 'O''Neil', null)")
        database.execute("create table artists (ArtistId integer, Name text)")
        database.execute("create table employees (EmployeeId integer)")
    database.close()
    report = cases.load()
    assert cases.rows("music_store/chinook.db#tracks", "TrackId", "Name", "Milliseconds") == [
        (1, "2", "O'Neil", None),
        (2, "7", "Fernando", "5286953"),
    ]
    assert cases.rows("music_store/chinook.db#artists", "ArtistId") == []
    assert "music_store/chinook.db#employees" in report.undeclared
    assert "music_store/chinook.db" not in report.undeclared


def test_equal_sales_of_a_table_without_a_key_all_land(cases: Cases) -> None:
    sale = "2009-01-01,0.99,Rock\n"
    cases.deliver("music_store/orders/orders.csv", "invoice_date,UnitPrice,genre\n" + sale * 3)
    cases.load()
    assert len(cases.rows("music_store/orders/orders.csv", "genre")) == 3


# --- Kinds of deliveries that went wrong once: one test each, several files a load

GOOD = [("1", "2", "a"), ("2", None, "b")]
CSV = b"Id,Amount,Note\n1,2,a\n2,,b\n"
RECORDS = [{"Id": 1, "Amount": 2, "Note": "a"}, {"Id": 2, "Note": "b"}]
LINES = b"".join(json.dumps(record).encode() + b"\n" for record in RECORDS)
ARRAY = json.dumps(RECORDS).encode()
XML = b'<all><row Id="1" Amount="2" Note="a"/><row Id="2" Note="b"/></all>'
TEXTS = {"csv": CSV, "tsv": CSV.replace(b",", b"\t"), "jsonl": LINES, "json": ARRAY, "xml": XML}
PACKED: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".zst": zstd.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
}
PAGE = b"<!DOCTYPE html>\n<html><head><title>504</title></head>" + b"<p>Come back.</p>\n" * 30
PDF = b"%PDF-1.7\n" + b"\xff\xfe1 0 obj\n" * 30


def all_land(
    shop: Workshop, files: dict[str, bytes], rows: list[tuple] = GOOD, **meta: Any
) -> None:
    """Load files at once: of each the same rows land, and nothing is quarantined."""
    if meta:
        config = f"- name: orders\n        config: {{meta: {json.dumps(meta)}}}"
        shop.declare(SOURCES.replace("- name: orders", config))
    for name, content in files.items():
        (shop.folder / name).write_bytes(content)
    shop.load()
    entries = {name: shop.entry(name) for name in files}
    assert {n: e.refusal for n, e in entries.items() if e.refusal} == {}
    landed = {name: [row[1:] for row in shop.landed(name)] for name in files}
    assert {name: found for name, found in landed.items() if found != rows} == {}
    assert sum(entry.quarantined for entry in entries.values()) == 0


@pytest.mark.parametrize(
    ("content", "looks"),
    [
        (PAGE, "HTML"),
        (b"\xef\xbb\xbf\r\n" + PAGE.lower(), "HTML"),
        (b"<?xml version='1.0'?>\n<Error><Code>NoSuchKey</Code></Error>" + b" " * 200, "XML"),
        (PDF, "PDF"),
        (gzip.compress(os.urandom(300)), "a gzip archive"),
        (b"PAR1" + b"\0" * 300, "Parquet"),
        (b"\0" * 300, "binary data"),
        (b"Sorry, the server, which is busy, did not answer.\n" * 9, "delimited text"),
        (json.dumps({"error": "too many requests", "more": "x" * 200}).encode(), "JSON"),
        (b"null\n" * 60, ""),
        (b"Service unavailable\n" * 20, ""),
    ],
)
def test_what_cannot_be_read_keeps_what_was_landed(
    shop: Workshop, content: bytes, looks: str
) -> None:
    own = {"XML": {"xml"}, "JSON": {"json", "jsonl"}, "delimited text": {"csv", "tsv"}}
    for form, good in TEXTS.items():
        shop.write(f"a.{form}", good)
    shop.load()
    for form in TEXTS:
        shop.write(f"a.{form}", content)
        shop.write(f"new.{form}", content)
    assert shop.load().exit_status == 1
    for form in TEXTS:
        entry = shop.entry(f"a.{form}")
        assert (entry.state, entry.landed, entry.quarantined) == ("refused", 2, 0), form
        assert [row[1:] for row in shop.landed(f"a.{form}")] == GOOD
        if looks and form not in own.get(looks, ()):
            assert f"looks like {looks}" in str(entry.refusal), form
            assert shop.entry(f"new.{form}").state == "refused"


@pytest.mark.parametrize("packed", PACKED)
def test_lines_end_as_they_like(shop: Workshop, packed: str) -> None:
    files = {}
    for number, end in enumerate([b"\n", b"\r\n", b"\r", b"\r\r\n", b"\n\r"]):
        for form in ("csv", "tsv", *(["jsonl", "json"] if number < 3 else [])):
            text = TEXTS[form].replace(b"}, {", b"},\n{").replace(b"\n", end)
            files[f"{number}.{form}{packed}"] = PACKED[packed](text)
            files[f"open{number}.{form}{packed}"] = PACKED[packed](text.rstrip())
            files[f"blank{number}.{form}{packed}"] = PACKED[packed](text + end * 3)
    files |= {
        f"mixed0.csv{packed}": PACKED[packed](b"Id,Amount,Note\r1,2,a\r\n2,,b\n"),
        f"mixed1.csv{packed}": PACKED[packed](b"Id,Amount,Note\n1,2,a\r\n\r\n2,,b\r\n"),
        f"mixed.jsonl{packed}": PACKED[packed](LINES.replace(b"\n", b"\r\n", 1)),
    }
    all_land(shop, files)


def test_one_kind_of_line_end_may_stand_in_quotes(shop: Workshop) -> None:
    for number, (end, inner) in enumerate(itertools.permutations(["\n", "\r\n", "\r"], 2)):
        rows = [("1", "2", f"a{inner}b"), ("2", None, "c")]
        text = f'Id,Amount,Note{end}1,2,"a{inner}b"{end}2,,c{end}'
        all_land(shop, {f"{number}.csv": text.encode()}, rows)


def test_encodings_are_read_where_they_are_marked_or_declared(shop: Workshop) -> None:
    rows = [("1", "2", "señor"), ("2", None, "b")]
    texts = {
        "csv": CSV.decode().replace(",a", ",señor").replace("\n", "\r\n"),
        "jsonl": LINES.decode().replace('"a"', '"señor"'),
        "json": ARRAY.decode().replace('"a"', '"señor"'),
        "xml": XML.decode().replace('"a"', '"señor"'),
    }
    marked = {
        f"{encoding}.{form}{packed}": PACKED[packed](("\ufeff" + text).encode(encoding))
        for encoding in ("utf-8", "utf-16-le", "utf-16-be")
        for form, text in texts.items()
        for packed in ("", ".gz", ".xz")
    }
    all_land(shop, marked, rows)
    for encoding in ("windows-1252", "latin-1", "cp850", "utf-16-le"):
        spelled = {
            f"declared-{encoding}.{form}": text.encode(encoding) for form, text in texts.items()
        }
        all_land(shop, spelled, rows, encoding=encoding)


def test_bytes_of_another_encoding_are_kept_and_named_once(shop: Workshop) -> None:
    for form, text in {"csv": CSV, "jsonl": LINES, "json": ARRAY}.items():
        name = f"a.{form}"
        entry = shop.load_one(text.replace(b"a", b"se\xf1or").replace(b"se\xf1orm", b"am"), name)
        if form == "csv":
            assert entry.notes == [
                "is not UTF-8; it looks like windows-1252: declare `encoding: windows-1252` if that"
                " is right"
            ]
        ((record, _, code, shown, raw),) = shop.quarantine(name)
        assert (record, code) == (1, "bad_bytes")
        assert b"\xf1" in raw and "\\xf1" in shown
        assert [row[1:] for row in shop.landed(name)] == GOOD[1:]


def test_headers_are_found_where_they_stand(shop: Workshop) -> None:
    files = {
        "sep.csv": b"sep=;\nId;Amount;Note\n1;2;a\n2;;b\n",
        "quoted.csv": b'"sep=;"\r\nId;Amount;Note\r\n1;2;a\r\n2;;b\r\n',
        "returns.csv": b"SEP=|\rId|Amount|Note\r1|2|a\r2||b\r",
        "odd.csv": b"sep=^\nId^Amount^Note\n1^2^a\n2^^b\n",
        "wide.csv": "\ufeffsep=;\r\nId;Amount;Note\r\n1;2;a\r\n2;;b\r\n".encode("utf-16-le"),
        "blank.csv": b"\n\n Id , Amount,Note \n1,2,a\n2,,b\n",
        "blanks.csv": b"\n" * 5000 + CSV,
        "lines.csv": b'"Id","Sum\ndue",Amount,"Note"\n1,,2,a\n2,,,b\n',
        "all.csv": CSV.replace(b"\n", b",\n"),
        "rows.csv": CSV.replace(b"a\n", b"a,\n").replace(b"b\n", b'b,""\n'),
        "rows.tsv.gz": gzip.compress(CSV.replace(b",", b"\t").replace(b"\n", b"\t\r\n")),
        "inches.csv": b'Id,Amount,Note,5" size\r1,2,a,\r2,,b,\r',
        "long.csv": b"x" * (1 << 20) + b",Id,Amount,Note\n,1,2,a\n,2,,b\n",
        "late.csv": b"\r" * ((1 << 20) + 9) + CSV.replace(b"\n", b"\r"),
    }
    all_land(shop, files)
    titled = {
        "t.csv": b'Report "of\nyesterday\n' + CSV,
        "l.csv": b"\n" + b"x" * (2 << 20) + b"\n" + CSV,
        "r.csv": b"Report\r\r" + CSV.replace(b"\n", b"\r"),
    }
    all_land(shop, titled, skip_lines=2)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"30,862\n0,863\n", "lacks the required column Id; it has: 30, 862"),
        (b"\r\n\r\n", "no header: the file is empty"),
        (b"Id," + b"x" * (4 << 20) + b"\n1,2\n", "no header: it does not end in the first 4 MiB"),
        (b"," * (3 << 20), "it has 3,145,729 columns; at most 10,000 are read"),
    ],
)
def test_a_header_that_is_not_found_is_named(shop: Workshop, content: bytes, why: str) -> None:
    assert why in str(shop.load_one(content, "a.csv").refusal)


def test_a_delimiter_more_counts_for_nothing_where_nearly_all_rows_have_it(shop: Workshop) -> None:
    few = b"Id,Note\n1,2,\n3,4,\n5,6\n"
    shop.load_one(few, "few.csv")
    assert [row[0] for row in shop.landed("few.csv")] == [3]
    most = b"Id,Note\n" + b"1,2,\n" * 20 + b"3,4\n5,6,7\n8,9,"
    shop.load_one(most, "most.csv")
    assert [row[0] for row in shop.quarantine("most.csv")] == [21, 22]


def test_the_same_content_is_known_in_any_wrapping(shop: Workshop) -> None:
    for packed, pack in PACKED.items():
        (shop.folder / f"a.csv{packed}").write_bytes(pack(CSV))
    with zipfile.ZipFile(shop.folder / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("in/a.csv", CSV)
    shop.write("other.csv", CSV.replace(b"\n", b"\r\n"))
    shop.load()
    same = {f"a.csv{packed}" for packed in PACKED} | {"a.zip#in/a.csv"}
    assert {shop.entry(name).content_hash for name in same} == {hashlib.sha256(CSV).hexdigest()}
    assert shop.entry("other.csv").content_hash == shop.entry("other.csv").file_hash
    assert len({shop.entry(name).file_hash for name in same}) == len(PACKED)


LONG = '[1582905599999.99999999,{"x":-0.99999999999999999999,"s":"1.234567890123456789\\\\"}]'


def test_the_whole_part_of_a_decimal_is_not_rounded(shop: Workshop) -> None:
    record = f'{{"Id":12345678901234567890123,"Amount":16777216.000000000001234,"Note":{LONG}}}'
    wrapped = f'{{"data":[{record}]}}'
    texts = {
        "a.jsonl": record,
        "b.jsonl.gz": record + "\n" * 5,
        "a.json": f"[{record}]",
        "b.json": record.replace(",", ",\n", 1),
    }
    rows = [("12345678901234567890123", "16777216.000000000001234", LONG)]
    files = {
        name: (gzip.compress if name.endswith("gz") else bytes)(text.encode())
        for name, text in texts.items()
    }
    all_land(shop, files, rows)
    all_land(shop, {"c.json": wrapped.encode()}, rows, records_at="data")
    spelled = record.replace('"Id"', '"Id":7,"Id"')
    shop.load_one(f"{record}\n{spelled}\nx\n", "bad.jsonl")
    assert [row[1:] for row in shop.landed("bad.jsonl")] == rows * 2


def test_decimals_of_any_place_in_a_large_file_keep_their_digits(shop: Workshop) -> None:
    short = b'{"Id":1,"Amount":1454361579158.9556,"Note":679644799952992890}\n' * 40_000
    shop.load_one(short, "short.jsonl")
    assert shop.went_fast("short.jsonl")
    long = short + b'{"Id":2,"Amount":12345678901234567.25}\n' + short
    shop.load_one(long, "long.jsonl")
    assert shop.landed("long.jsonl")[40_000][1:] == ("2", "12345678901234567.25", None)


@settings(deadline=None, max_examples=500)
@given(st.integers(0, 10**20), st.from_regex(r"(9*|0*)[0-9]{1,20}", fullmatch=True))
def test_each_decimal_that_a_double_rounds_is_found(whole: int, fraction: str) -> None:
    number = f"{whole}.{fraction}"
    exact, double = Decimal(number), Decimal(float(number))
    has_moved = math.floor(exact) != math.floor(double) or math.ceil(exact) != math.ceil(double)
    counter = JsonCounter()
    for piece in (b'{"a":', number[:9].encode(), number[9:].encode(), b"}"):
        counter.add(piece)
    assert counter.is_exact != has_moved
    assert not has_moved or re.fullmatch(NEARLY_WHOLE, number)


PAGES = [json.dumps({"next": [n], "data": [record]}) for n, record in enumerate(RECORDS)]


def test_objects_and_pages_may_follow_each_other(shop: Workshop) -> None:
    one = [json.dumps(record) for record in RECORDS]
    texts = {
        "joined.json": "".join(one),
        "spaced.json": " ".join(one),
        "printed.json": "\r\n".join(json.dumps(record, indent=2) for record in RECORDS),
    }
    all_land(shop, {name: text.encode() for name, text in texts.items()})
    pages = {
        "lines.json": "\n".join(PAGES),
        "printed_pages.json": "\n".join(json.dumps(json.loads(page), indent=1) for page in PAGES),
        "after.json": '{"data": ' + ARRAY.decode() + ', "rest": [{"data": [1]}, "}"]}',
    }
    all_land(shop, {n: text.encode() for n, text in pages.items()}, records_at="data")


@pytest.mark.parametrize(
    ("text", "bad"),
    [
        ("\n".join(PAGES) + "\nx", b"x"),
        ("\n".join(PAGES)[:-1], b""),
        ("\n".join(PAGES)[:-2], b""),
    ],
)
def test_the_last_page_may_break_off(shop: Workshop, text: str, bad: bytes) -> None:
    all_land(shop, {}, records_at="data")
    entry = shop.load_one(text, "a.json")
    assert (entry.landed, entry.quarantined) == (2, 1)
    assert [(row[2], row[4]) for row in shop.quarantine("a.json")] == [("broken_array", bad)]


def test_folders_land_as_they_are_spelled(cases: Cases) -> None:
    """The seed of platforms maps them, in any case, when the warehouse is built."""
    folders = ("iOS", "ios", "IOS", "iPhone", "Mobile Web")
    for folder in folders:
        name = f"storefront/product_events/{folder}/a.json"
        cases.deliver(name, json.dumps(MESSAGES))
    cases.load()
    for folder in folders:
        assert len(cases.rows(f"storefront/product_events/{folder}/a.json", "events")) == 4


class Adapter:
    """As much of dbt's adapter as the macros of one engine ask for."""

    def __init__(self) -> None:
        self.quote = '"{}"'.format
        environment = jinja2.Environment(extensions=["jinja2.ext.do"])
        environment.globals |= {"adapter": self, "return": lambda value: value}
        folder = PROJECT / "macros" / "fields"
        text = "".join(path.read_text() for path in sorted(folder.glob("*.sql")))
        self.macros = vars(environment.from_string(text).module)

    def dispatch(self, name: str) -> Callable[..., str]:
        return self.macros.get(f"duckdb__{name}") or self.macros[f"default__{name}"]


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2022-01-02T03:04:05Z", "2022-01-02 03:04:05"),
        ("2022-01-02 03:04:05.678+00", "2022-01-02 03:04:05.678"),
        ("2022-01-02T03:04:05+02:00", "2022-01-02 01:04:05"),
        ("2022-01-02T03:04:05-0330", "2022-01-02 06:34:05"),
        ("2022-01-01T00:30:00+14:00", "2021-12-31 10:30:00"),
        ("2022-12-31T23:59:59-14:00", "2023-01-01 13:59:59"),
        ("2022-01-02T03:04:05.123456789Z", "2022-01-02 03:04:05.123456"),
        ("2022-01-02T03:04:05", "2022-01-02 03:04:05"),
        ("2022-01-02", "2022-01-02 00:00:00"),
        *((text, None) for text in [
            None, "", "x", "2022-01-02Z", "2022-01-02T03:04:05+15:00", "2022-01-02T03:04:05+02:60",
            "2022-01-02T03:04:05 UTC", "2022-02-30T03:04:05Z", "2022-01-02T03:04:05ZZ",
            "2022-01-02T03:04:05+0200x", "2022-01-02T24:00:00Z",
        ]),
    ],
)  # fmt: skip
def test_a_time_with_a_zone_is_read_into_utc(text: str | None, instant: str | None) -> None:
    query = Adapter().macros["cast_instant"]("text")
    found = duckdb.execute(
        f"select cast({query} as varchar) from (select ?::varchar as text)", [text]
    )
    assert found.fetchone() == (instant,)


@pytest.mark.parametrize(
    ("text", "price", "floor"),
    [
        ("0.12345", None, 0),
        ("0.00004", None, 0),
        ("0.1234", "0.1234", 0),
        ("0.12340000", "0.1234", 0),
        ("1.23456e2", "123.4560", None),
        ("1.234567e2", "123.4567", None),
        ("1.2345678e2", None, None),
        ("1582905599999.99999999", None, 1582905599999),
        ("-0.00000000000000000000001", None, -1),
        ("99999999999999.99", "99999999999999.9900", 99999999999999),
        ("999999999999999.99", None, 999999999999999),
    ],
)
def test_a_number_of_too_many_digits_is_never_rounded(
    text: str, price: str | None, floor: int | None
) -> None:
    macros = Adapter().macros
    asked = f"{macros['cast_decimal']('text', 18, 4)}::varchar, {macros['floor_integer']('text')}"
    found = duckdb.execute(f"select {asked} from (select ?::varchar as text)", [text])
    assert found.fetchone() == (price, floor)


# --- The public files themselves


EVENTS = "storefront/product_events/MobileWeb/productEvent_20160201.json.gz"
STORE, SHOP = FIGURES["music_store"]["rows"], FIGURES["storefront"]
REAL = {
    "movies/movies_metadata/movies_metadata.csv": ("delimited", FIGURES["movies"]["records"]),
    "storefront/orders/orders.csv": ("delimited", SHOP["orders"]),
    EVENTS: ("json_array", SHOP["views"]),
    "music_store/orders/orders.csv": ("delimited", STORE["orders"]),
    "music_store/chinook.db#tracks": ("sqlite", STORE["tracks"]),
    "music_store/chinook.db#artists": ("sqlite", STORE["artists"]),
}


def test_the_public_files_land_record_for_record(tmp_path: Path) -> None:
    cases = Cases(tmp_path)
    settings = replace(cases.settings, raw=PUBLIC_RAW)
    report = load(settings)
    assert report.refused == []
    assert {e.source_file: (e.format, e.landed) for e in cases.lake.entries()} == REAL
    assert all(e.quarantined == 0 for e in cases.lake.entries())

    movies = next(iter(REAL))
    with (PUBLIC_RAW / movies).open(encoding="utf-8", newline="") as file:
        expected = list(csv.DictReader(file))
    plain = ("id", "title", "overview", "budget", "popularity", "release_date")
    for (_, *values), row in zip(cases.rows(movies, *plain), expected, strict=True):
        assert values == [row[name] or None for name in plain]
    lists = ("genres", "production_companies")
    for (_, *values), row in zip(cases.rows(movies, *lists), expected, strict=True):
        assert [json.loads(value) for value in values] == [
            ast.literal_eval(row[name]) for name in lists
        ]

    with closing(sqlite3.connect(PUBLIC_RAW / "music_store" / "chinook.db")) as database:
        wanted = ("TrackId", "Name", "Composer", "Milliseconds")
        rows = database.execute(f"select {', '.join(wanted)} from tracks order by rowid").fetchall()
    texts = [tuple(None if value is None else str(value) for value in row) for row in rows]
    assert [row[1:] for row in cases.rows("music_store/chinook.db#tracks", *wanted)] == texts
