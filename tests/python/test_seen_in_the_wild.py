"""What the five cases' real files were seen to hold, in small, as the loader must read it."""

from __future__ import annotations

import ast
import csv
import gzip
import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from casebook.lake.ledger import LedgerEntry
from casebook.load.run import load
from loading import Workshop
from workbench import SHARED_RAW

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
    "courses": {
        "courses": {
            "columns": columns(
                course_id=REQUIRED, title=REQUIRED, description={}, programming_language={}
            )
        }
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

    def bad(self, name: str) -> list[tuple]:
        """Record number, first line and raw text of every quarantined record of a file."""
        entry = self.ledger(name)
        assert entry.rejected_file
        return duckdb.execute(
            "select record, first_line, raw_text from read_parquet($1) order by record",
            [str(self.settings.lake / entry.rejected_file)],
        ).fetchall()


@pytest.fixture
def cases(tmp_path: Path) -> Cases:
    return Cases(tmp_path)


# --- Movies

MOVIES = "movies/movies_metadata/monthly.csv"
HEADER = (
    "adult,budget,genres,id,imdb_id,overview,popularity,production_companies,release_date,revenue,"
    "title"
)


def movie(number: object, title: str = "A", genres: str = "[]", **other: str) -> str:
    cells = {
        "adult": "False",
        "budget": "0",
        "genres": genres,
        "id": str(number),
        "imdb_id": "tt1",
        "overview": "",
        "popularity": "8.2e-05",
        "production_companies": "[]",
        "release_date": "1995-10-30",
        "revenue": "373554033",
        "title": title,
    } | other
    quoted = (
        '"' + cell.replace('"', '""') + '"' if any(c in cell for c in ',"\n') else cell
        for cell in cells.values()
    )
    return ",".join(quoted)


def test_lists_land_as_json_from_either_spelling(cases: Cases) -> None:
    python = """[{'id': 16, 'name': 'Animation'}, {'name': "D'Pelicula", 'id': 3, 'x': None}]"""
    escaped = r"""[{'id': 1, 'name': 'Caf\xe9 {a}, "b", \'c\''}]"""
    spelled = r'[{"id": 16, "name": "Am\u00e9lie"}]'
    rows = [movie(1, genres=python), movie(2, genres=escaped), movie(3, genres=spelled)]
    rows += [movie(4, genres=""), movie(5, genres="[{'id': 16, 'name'")]
    cases.deliver(MOVIES, "\n".join([HEADER, *rows]))
    cases.load()
    landed = [genres for _, genres in cases.rows(MOVIES, "genres")]
    assert json.loads(landed[0]) == [
        {"id": 16, "name": "Animation"},
        {"name": "D'Pelicula", "id": 3, "x": None},
    ]
    assert json.loads(landed[1]) == [{"id": 1, "name": "Café {a}, \"b\", 'c'"}]
    assert landed[2:] == [spelled, None, "[{'id': 16, 'name'"]


def test_a_movie_split_by_a_newline_is_two_bad_records_between_good_ones(cases: Cases) -> None:
    good = movie(2, overview='She said:\n"Don\'t, no."')
    first, second = "False,0,[],3,tt3,An overview that", 'breaks off,"1.5",[],1995-10-30,0,B'
    cases.deliver(MOVIES, "\n".join([HEADER, movie(1), first, second, good, movie(4)]) + "\n")
    cases.load()
    assert [row[:2] for row in cases.rows(MOVIES, "id")] == [(1, "1"), (4, "2"), (5, "4")]
    assert cases.rows(MOVIES, "overview")[1][1] == 'She said:\n"Don\'t, no."'
    assert cases.bad(MOVIES) == [(2, 3, first), (3, 4, second)]


def test_a_movie_file_with_other_columns_a_bom_and_us_dates(cases: Cases) -> None:
    header = "Title,ID,budget,revenue,popularity,release_date,genres,production_companies,score"
    row = "Toy Story,862,30000000,373554033,21.946943,10/30/1995,[],[],7.7"
    cases.deliver(MOVIES, b"\xef\xbb\xbf" + f"{header}\r\n{row}\r\n".encode())
    cases.load()
    assert cases.rows(MOVIES, "id", "title", "release_date", "adult", "imdb_id") == [
        (1, "862", "Toy Story", "10/30/1995", None, None)
    ]
    assert cases.ledger(MOVIES).columns_ignored == ["score"]


def test_numbers_and_repeated_ids_land_as_they_are_spelled(cases: Cases) -> None:
    rows = [movie(1, adult="FALSE"), movie(1), movie(1), movie("1997-08-20", budget="999")]
    cases.deliver(MOVIES, "\n".join([HEADER, *rows]))
    cases.load()
    assert cases.rows(MOVIES, "id", "adult", "popularity", "budget") == [
        (1, "1", "FALSE", "8.2e-05", "0"),
        (2, "1", "False", "8.2e-05", "0"),
        (3, "1", "False", "8.2e-05", "0"),
        (4, "1997-08-20", "False", "8.2e-05", "999"),
    ]


def test_a_movie_file_without_a_required_column_is_refused(cases: Cases) -> None:
    cases.deliver(MOVIES, "id,title\n1,A\n")
    assert cases.load().exit_status == 1
    refusal = cases.ledger(MOVIES).refusal or ""
    assert "budget" in refusal and "release_date" in refusal


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


def test_orders_spell_their_status_and_device_in_two_ways(cases: Cases) -> None:
    cases.deliver(
        "storefront/orders/a.csv",
        "id,order_date,order_total,status,device\n1,2016-01-31 23:34:50,187.58,complete,ios\n",
    )
    cases.deliver(
        "storefront/orders/b.csv",
        "id;order_date;order_status;device_type\n2;2016-01-31 09:00:53;;São Paulo\n",
    )
    cases.load()
    wanted = ("id", "order_date", "order_status", "device_type")
    assert cases.rows("storefront/orders/a.csv", *wanted) == [
        (1, "1", "2016-01-31 23:34:50", "complete", "ios")
    ]
    assert cases.rows("storefront/orders/b.csv", *wanted) == [
        (1, "2", "2016-01-31 09:00:53", None, "São Paulo")
    ]


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


# --- Courses


def test_a_course_may_lack_its_language_and_quote_its_description(cases: Cases) -> None:
    cases.deliver(
        "courses/courses/courses.csv",
        'course_id,title,description,programming_language\n1,"R, from ""scratch""","two\r\nlines",'
        "\n2,SQL,x,sql\n",
    )
    cases.load()
    wanted = ("course_id", "title", "description", "programming_language")
    assert cases.rows("courses/courses/courses.csv", *wanted) == [
        (1, "1", 'R, from "scratch"', "two\r\nlines", None),
        (2, "2", "SQL", "x", "sql"),
    ]


# --- The real files themselves


REAL = {
    "movies/movies_metadata/movies_metadata.csv": ("delimited", 2996),
    "storefront/orders/orders.csv": ("delimited", 4000),
    "storefront/product_events/MobileWeb/productEvent_20160201.json.gz": ("json_array", 47633),
    "music_store/orders/orders.csv": ("delimited", 2240),
    "music_store/chinook.db#tracks": ("sqlite", 3503),
    "music_store/chinook.db#artists": ("sqlite", 275),
}


@pytest.mark.skipif(not SHARED_RAW.is_dir(), reason="the real files are not beside the project")
def test_the_real_files_land_record_for_record(tmp_path: Path) -> None:
    cases = Cases(tmp_path)
    settings = replace(cases.settings, raw=SHARED_RAW)
    report = load(settings)
    assert report.refused == []
    assert {e.source_file: (e.format, e.landed) for e in cases.lake.entries()} == REAL
    assert all(e.quarantined == 0 for e in cases.lake.entries())

    movies = next(iter(REAL))
    with (SHARED_RAW / movies).open(encoding="utf-8", newline="") as file:
        expected = list(csv.DictReader(file))
    plain = ("id", "title", "overview", "budget", "popularity", "release_date")
    for (_, *values), row in zip(cases.rows(movies, *plain), expected, strict=True):
        assert values == [row[name] or None for name in plain]
    lists = ("genres", "production_companies")
    for (_, *values), row in zip(cases.rows(movies, *lists), expected, strict=True):
        assert [json.loads(value) for value in values] == [
            ast.literal_eval(row[name]) for name in lists
        ]

    with closing(sqlite3.connect(SHARED_RAW / "music_store" / "chinook.db")) as database:
        wanted = ("TrackId", "Name", "Composer", "Milliseconds")
        rows = database.execute(f"select {', '.join(wanted)} from tracks order by rowid").fetchall()
    texts = [tuple(None if value is None else str(value) for value in row) for row in rows]
    assert [row[1:] for row in cases.rows("music_store/chinook.db#tracks", *wanted)] == texts
