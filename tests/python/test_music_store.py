"""The music store from raw files to marts and one-line answers, built as a user builds it."""

from __future__ import annotations

import csv
import io
import json
import random
import re
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from music_store_model import KEYS, TABLES, MusicStore, answers, marts, read
from sample.write import write_sample
from workbench import FIGURES, IS_WHOLE, PUBLIC_RAW, Workbench, workbench_of

CASES = ("music_store",)
REAL, REAL_FIGURES = PUBLIC_RAW / "music_store", FIGURES["music_store"]
OUTCOMES = ("quarantined", "rejected", "duplicate", "superseded", "redelivered", "kept")
IN_ORDER = ("genre_track_lengths", "artist_playlists", "album_sales", "customer_spend")

# The questions of the specification, by the query that answers them, and the answers.
ANSWERS = {
    name: tuple(Decimal(x) if re.fullmatch(r"\d+\.\d+", str(x)) else x for x in answer)
    for name, answer in REAL_FIGURES["answers"].items()
}


def check_marts(bench: Workbench, store: MusicStore) -> dict[str, list[tuple]]:
    """The marts and the audit hold what plain Python makes of the same files."""
    expected = marts(store)
    for name, rows in expected.items():
        if name in IN_ORDER:
            assert bench.query(f"from music_store.{name}") == rows, name
        else:
            built = bench.query(f"select * exclude (loaded_at) from music_store.{name}")
            assert Counter(built) == Counter(rows), name
    built = bench.query(
        "select table_name from information_schema.tables where table_schema = 'music_store'"
    )
    assert {name for (name,) in built} == set(expected)
    assert {
        row[:2]: +Counter(dict(zip(OUTCOMES, row[2:], strict=True)))
        for row in bench.query(
            f"select source_file, table_name, {', '.join(OUTCOMES)} from audit.row_accounting"
        )
    } == store.outcomes
    rejected = bench.query(
        "select source_file, source_record, reasons from audit.rejected_rows"
        " where stage = 'rejected'"
    )
    assert Counter(rejected) == Counter(store.rejected)
    unreadable = bench.query(
        "select source_file, source_record, split_part(reasons, ':', 1) from audit.rejected_rows"
        " where stage = 'quarantined'"
    )
    assert Counter(unreadable) == Counter(store.unreadable)
    return expected


def ask(bench: Workbench) -> dict[str, list[tuple]]:
    """What the queries of analyses/ answer, as dbt compiles them."""
    bench.dbt("compile", "--select", *ANSWERS)
    compiled = {path.stem: path for path in (bench.root / "target" / "compiled").rglob("*.sql")}
    return {name: bench.query(compiled[name].read_text()) for name in ANSWERS}


# --- The public files


@pytest.fixture(scope="module")
def real() -> Iterator[Workbench]:
    """The public files, built once for all tests that only read."""
    with workbench_of(*CASES) as bench:
        shutil.copytree(REAL, bench.raw / "music_store")
        bench.casebook("build")
        yield bench


def test_the_seven_answers_are_those_of_sqlite(real: Workbench) -> None:
    assert ask(real) == {name: [answer] for name, answer in ANSWERS.items()}


def test_public_files_give_what_plain_python_gives(real: Workbench) -> None:
    expected = check_marts(real, read(real.raw))
    assert answers(expected) == {name: [answer] for name, answer in ANSWERS.items()}
    held = REAL_FIGURES["rows"]
    of = {"playlist_tracks": "playlist_track", "sales": "invoice_items", "genre_sales": "orders"}
    of |= {"genre_track_lengths": "genres", "artist_playlists": "artists"}
    of |= {"album_sales": "albums", "customer_spend": "customers"}
    assert {n: len(rows) for n, rows in expected.items()} == {
        n: held[of.get(n, n)] for n in expected
    }
    assert len(expected) == 14


def test_equal_sales_and_track_facts_all_stay(real: Workbench) -> None:
    for table, mart, columns in (
        ("orders", "genre_sales", "* exclude (source_file, source_record, loaded_at)"),
        ("track_facts", "track_facts", "genre_name, minutes, price"),
    ):
        with (REAL / table / f"{table}.csv").open(encoding="utf-8", newline="") as file:
            rows = [tuple(row.values()) for row in csv.DictReader(file)]
        assert len(set(rows)) == REAL_FIGURES["different"][table] < len(rows)
        built = Counter(real.query(f"select {columns} from music_store.{mart}"))
        assert sorted(built.values()) == sorted(Counter(rows).values())


# --- A database, and what is exported of it in mixed folders

Record = dict[str, Any]


def as_csv(
    records: Sequence[Record],
    columns: Sequence[str],
    table: str = "",
    delimiter: str = ",",
    nothing: str = "",
) -> bytes:
    """Records as CSV; columns are prefixed where a table is named, a composer may be `NA`."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\r\n")
    writer.writerow([f"{table}.{column}" if table else column for column in columns])
    for record in records:
        values = [record.get(column) for column in columns]
        writer.writerow(
            [
                nothing if value is None and column == "Composer" else value
                for column, value in zip(columns, values, strict=True)
            ]
        )
    return text.getvalue().encode()


def as_json(
    records: Sequence[Record], columns: Sequence[str], table: str = "", array: bool = False
) -> bytes:
    """Records as JSON; every other one lacks the keys of what has no value."""
    prefix = f"{table}." if table else ""
    rows = [
        {f"{prefix}{c}": r.get(c) for c in columns if place % 2 == 0 or r.get(c) is not None}
        for place, r in enumerate(records)
    ]
    if array:
        return json.dumps(rows, indent=2).encode()
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode()


class Mix:
    """Random records of the exported tables: of few values, so that they meet, and some dirty."""

    def __init__(self, database: Path, seed: int) -> None:
        self.random = random.Random(seed)
        with closing(sqlite3.connect(database)) as connection:
            connection.row_factory = sqlite3.Row
            connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
            tracks = connection.execute("select * from tracks order by TrackId limit 60")
            self.tracks = [dict(row) for row in tracks]
            self.entries = [dict(row) for row in connection.execute("select * from playlist_track")]

    def one_of(self, *values: Any) -> Any:
        return self.random.choice(values)

    def track(self) -> Record:
        """One of the database's, as it is or changed, or a new one; one in eight is dirty."""
        track = dict(self.one_of(*self.tracks))
        changed: dict[str, Callable[[], Any]] = {
            "Name": lambda: self.one_of("Gabriela", " Gabriela ", None, "", "   "),
            "AlbumId": lambda: self.one_of(1, 999_998, 999_999),
            "MediaTypeId": lambda: self.one_of(1, 99, None),
            "GenreId": lambda: self.one_of(1, 2, 99),
            "Composer": lambda: self.one_of(None, "NA", "", "Chico Buarque"),
            "Milliseconds": lambda: self.one_of(0, 1, 5_286_954, 2**31 - 1),
            "Bytes": lambda: self.one_of(None, 7),
            "UnitPrice": lambda: self.one_of(None, 0.99, 0.9901, "1e-3"),
        }
        if self.random.random() < 0.2:
            track["TrackId"] = 100_000 + self.random.randrange(10)
        for column in self.random.sample(sorted(changed), self.one_of(0, 0, 1, 2)):
            track[column] = changed[column]()
        return self.spoilt(track, "TrackId", "AlbumId", "GenreId", "Milliseconds")

    def entry(self) -> Record:
        entry = {"PlaylistId": self.one_of(1, 2, 3, 98), "TrackId": self.one_of(1, 2, 3, 999_999)}
        return self.spoilt(self.one_of(entry, dict(self.one_of(*self.entries))), *entry)

    def order(self) -> Record:
        order = {
            "invoice_date": self.one_of("2013-01-01", "2013-01-01 10:30:00", "2013-01-01T00:00:00"),
            "UnitPrice": self.one_of(0.99, "1.99", 1),
            "Quantity": self.one_of(1, 1, 2),
            "genre": self.one_of("Rock", " Rock ", "Música"),
            "media_type": self.one_of("AAC", None, ""),
            "minutes": self.one_of(3.8, "4", None),
        }
        return self.spoilt(order, "invoice_date", "UnitPrice", "Quantity", "genre")

    def fact(self) -> Record:
        fact = {
            "genre": self.one_of("Rock", "Música"),
            "minutes": self.one_of(3.8, 4),
            "price": self.one_of(0.99, None),
        }
        return self.spoilt(fact, "genre", "minutes")

    def spoilt(self, record: Record, *needed: str) -> Record:
        if self.random.random() < 0.12:
            record[self.one_of(*needed)] = self.one_of(None, "", " ", "x", "2013-02-30", -1.5)
        return record


def write_more_of_the_store(path: Path) -> None:
    """A second database, later in file order: corrections, and references that lead nowhere."""
    tables: dict[str, list[tuple]] = {
        "artists (ArtistId, Name)": [
            (1, "ÄC/DC"),
            (2, None),
            (9_001, "Zz Ties"),
            (9_002, "Aa Ties"),
        ],
        "albums (AlbumId, Title, ArtistId)": [
            (1, "Renamed", 1),
            (9_001, "Zz Ties", 9_001),
            (9_002, "Aa Ties", 9_002),
            (9_003, "By nobody", 9_999),
        ],
        "customers (CustomerId, FirstName, LastName, SupportRepId)": [
            (1, "Luís", "Gonçalves", 99),
            (9_001, "Zz", "Ties", None),
            (9_002, "Aa", "Ties", 3),
            (9_003, "No", " ", 3),
        ],
        "invoices (InvoiceId, CustomerId, InvoiceDate, Total)": [
            (9_001, 9_001, "2013-12-22 00:00:00", 100.5),
            (9_002, 9_002, "2013-12-22", 1),
            (9_003, 9_999, None, 7),
        ],
        "invoice_items (InvoiceLineId, InvoiceId, TrackId, UnitPrice, Quantity)": [
            (9_001, 9_001, 1, 0.3, 335),
            (9_002, 9_002, 999_999, 100.5, 1),
            (9_003, 9_003, 1, 7, 1),
            (9_004, 9_999, 1, 7, 1),
            (9_005, 9_002, 1, "free", 1),
        ],
        "genres (GenreId, Name)": [(98, "Silence")],
        # Rejected, so that the customer who refers to it has nobody.
        "employees (EmployeeId, LastName, BirthDate)": [(99, "Nobody", "1980-02-30")],
    }
    with closing(sqlite3.connect(path)) as database:
        for table, rows in tables.items():
            database.execute(f"create table {table}")
            marks = ", ".join("?" for _ in rows[0])
            database.executemany(f"insert into {table.split()[0]} values ({marks})", rows)
        database.commit()


def write_mixed_folders(folder: Path, mix: Mix) -> None:
    """CSV and JSON of each exported table, prefixed and not, and deliveries repeated."""

    def records(make: Callable[[], Record], number: int = 40) -> list[Record]:
        return [make() for _ in range(number)]

    orders = as_csv(records(mix.order), list(TABLES["orders"]))
    facts = as_json(records(mix.fact), list(TABLES["track_facts"]))
    tracks, entries = list(TABLES["tracks"]), list(TABLES["playlist_track"])
    backwards = list(reversed(TABLES["orders"]))
    untouched = [{**track, "Name": track["Name"]} for track in mix.tracks[:3]]
    files = {
        "tracks/tracks_0.csv": as_csv(records(mix.track), tracks, "tracks"),
        "tracks/tracks_1.json": as_json(records(mix.track), tracks),
        "tracks/tracks_2.json": as_json(records(mix.track), tracks, "tracks", array=True),
        "tracks/tracks_3.csv": as_csv(records(mix.track), tracks, delimiter=";", nothing="NA"),
        "tracks/later/tracks.csv": as_csv(untouched, tracks, "tracks", nothing="NA"),
        "playlist_track/playlist_track_0.csv": as_csv(
            records(mix.entry), entries, "playlist_track", delimiter="\t"
        ),
        "playlist_track/playlist_track_1.json": as_json(
            [*mix.entries[:5], *records(mix.entry)], entries
        ),
        "orders/orders_0.csv": orders,
        "orders/orders_0 (1).csv": orders,
        "orders/orders_1.json": as_json(records(mix.order), list(TABLES["orders"]), "orders"),
        "orders/orders_2.json": as_json(records(mix.order), backwards, array=True),
        "track_facts/track_facts_0.csv": as_csv(
            records(mix.fact), list(TABLES["track_facts"]), "track_facts"
        ),
        "track_facts/track_facts_1.json": facts,
        "track_facts/again/facts.json": facts,
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def unknown_references(store: MusicStore, expected: dict[str, list[tuple]]) -> dict[str, int]:
    """How many rows each test of severity warn must find."""
    keys = {table: set(store.by_key(table)) for table, key in KEYS.items() if len(key) == 1}
    kept = store.kept
    sales = expected["sales"]
    paid: Counter[int] = Counter()
    for sale in sales:
        paid[sale[1]] += sale[-3]
    found = {
        "artists_of_albums_are_known": [
            row for row in kept["albums"] if row["ArtistId"] not in keys["artists"]
        ],
        "albums_of_tracks_are_known": [
            row for row in kept["tracks"] if row["AlbumId"] not in keys["albums"]
        ],
        "genres_of_tracks_are_known": [
            row for row in kept["tracks"] if row["GenreId"] not in keys["genres"]
        ],
        "media_types_of_tracks_are_known": {row["MediaTypeId"] for row in kept["tracks"]}
        - keys["media_types"]
        - {None},
        "playlists_of_their_tracks_are_known": [
            row for row in kept["playlist_track"] if row["PlaylistId"] not in keys["playlists"]
        ],
        "tracks_in_playlists_are_known": [
            row for row in kept["playlist_track"] if row["TrackId"] not in keys["tracks"]
        ],
        "support_representatives_of_customers_are_known": {
            row["SupportRepId"] for row in kept["customers"]
        }
        - keys["employees"]
        - {None},
        "invoices_of_sales_are_known": {row["InvoiceId"] for row in kept["invoice_items"]}
        - keys["invoices"],
        "customers_of_sales_are_known": [
            sale for sale in sales if sale[5] not in keys["customers"] and sale[5] is not None
        ],
        "tracks_of_sales_are_known": [sale for sale in sales if sale[7] not in keys["tracks"]],
        "invoices_are_over_what_their_lines_cost": [
            row
            for row in kept["invoices"]
            if row["Total"] is not None and row["Total"] != paid[row["InvoiceId"]]
        ],
    }
    return {name: len(rows) for name, rows in found.items() if rows}


def test_a_database_and_mixed_folders_give_what_plain_python_gives(
    bench: Workbench, tmp_path: Path
) -> None:
    """With the real database where it is there, else with a generated one."""
    folder = bench.raw / "music_store"
    if IS_WHOLE:
        folder.mkdir(parents=True)
        shutil.copy(REAL / "chinook.db", folder)
    else:
        write_sample(tmp_path / "sample")
        folder.mkdir(parents=True)
        shutil.copy(tmp_path / "sample" / "music_store/music.db", folder / "chinook.db")
    write_mixed_folders(folder, Mix(folder / "chinook.db", seed=20090101))
    write_more_of_the_store(folder / "more.db")
    shown = bench.casebook("build")
    store = read(bench.raw)
    expected = check_marts(bench, store)

    found = answers(expected)
    assert ask(bench) == found
    assert found["customer_who_spent_most"] == [("Aa Ties", Decimal("100.5"))], "tied with Zz Ties"
    warned = re.findall(r"^warning: (\w+) \((\d+) rows?\)", shown.stderr, re.M)
    assert {name: int(number) for name, number in warned} == unknown_references(store, expected)
    assert len(warned) == 11, "each of the tests has something to find"

    database = store.outcomes["music_store/chinook.db#tracks", "tracks"]
    assert database["superseded"] > 10, "by a path that is later in file order"
    assert database["duplicate"] > 3
    first = [row for row in expected["tracks"] if row[0] == 100_000]
    assert len(first) == 1, "new in the folders"
    composers = bench.query("select distinct composer from music_store.tracks")
    assert (None,) in composers
    assert not {("NA",), ("",)} & set(composers)
    for mart, table in (("genre_sales", "orders"), ("track_facts", "track_facts")):
        rows = Counter(row[:-2] for row in expected[mart])
        assert max(rows.values()) > 2, "equal rows"
        again = [
            name for (name, t), ends in store.outcomes.items() if t == table and ends["redelivered"]
        ]
        assert len(again) == 1
        assert not [row for row in expected[mart] if row[-2] == again[0]]

    path = "music_store/tracks/tracks_3.csv"
    number = next(row[0] for row in expected["tracks"] if row[-2] == path)
    traced = bench.casebook("trace", "tracks", str(number)).stdout
    assert re.search(rf"^raw file +{path}$", traced, re.M)
