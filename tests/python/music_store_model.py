"""The music store's rules once more, in plain Python over the raw files."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from pathlib import Path
from typing import Any

# --- What casts


def integer(bits: int = 64) -> Callable[[str], int | None]:
    def cast(text: str) -> int | None:
        if not re.fullmatch(r"[+-]?[0-9]+", text.strip(" \t\r\n\f\v")):
            return None
        number = int(text)
        return number if -(2 ** (bits - 1)) <= number < 2 ** (bits - 1) else None

    return cast


def length(text: str) -> int | None:
    milliseconds = integer(32)(text)
    return milliseconds if milliseconds is not None and milliseconds >= 0 else None


def decimal(scale: int) -> Callable[[str], Decimal | None]:
    def cast(text: str) -> Decimal | None:
        text = text.strip(" \t\r\n\f\v")
        if not re.fullmatch(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,2})?", text):
            return None
        with localcontext() as context:
            context.prec = 100
            number = Decimal(text).quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP)
        return number if abs(number) < 10 ** (18 - scale) else None

    return cast


def timestamp(text: str) -> datetime | None:
    parts = re.fullmatch(r"(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}:\d{2})(\.\d+)?)?", text, re.ASCII)
    if not parts:
        return None
    fraction = (parts[3] or ".0")[:7].ljust(7, "0")
    try:
        return datetime.fromisoformat(f"{parts[1]}T{parts[2] or '00:00:00'}{fraction}")
    except ValueError:
        return None


def text(value: str) -> str | None:
    return value.strip(" ") or None


def composer(value: str) -> str | None:
    return None if value.strip(" ") == "NA" else text(value)


@dataclass(frozen=True)
class Column:
    """A column: how it is read, what it should be, and whether a record needs it."""

    cast: Callable[[str], Any] = text
    kind: str = ""
    required: bool = False


ID, REFERENCE = Column(integer(), "an_integer", True), Column(integer(), "an_integer")
NAME, TITLE = Column(text, "a_name", True), Column(text, "a_title", True)
TEXT, TIME = Column(), Column(timestamp, "a_timestamp")
PRICE, PAID = Column(decimal(4), "a_number"), Column(decimal(4), "a_number", True)
PIECES = Column(integer(32), "an_integer", True)
PERSON = dict.fromkeys(
    ("Address", "City", "State", "Country", "PostalCode", "Phone", "Fax", "Email"), TEXT
)
TABLES: dict[str, dict[str, Column]] = {
    "artists": {"ArtistId": ID, "Name": NAME},
    "albums": {"AlbumId": ID, "Title": TITLE, "ArtistId": ID},
    "genres": {"GenreId": ID, "Name": NAME},
    "media_types": {"MediaTypeId": ID, "Name": TEXT},
    "playlists": {"PlaylistId": ID, "Name": TEXT},
    "playlist_track": {"PlaylistId": ID, "TrackId": ID},
    "tracks": {
        "TrackId": ID,
        "Name": TEXT,
        "AlbumId": ID,
        "MediaTypeId": REFERENCE,
        "GenreId": ID,
        "Composer": Column(composer),
        "Milliseconds": Column(length, "a_length", True),
        "Bytes": REFERENCE,
        "UnitPrice": PRICE,
    },
    "customers": {"CustomerId": ID, "FirstName": NAME, "LastName": NAME, "Company": TEXT}
    | PERSON
    | {"SupportRepId": REFERENCE},
    "employees": {
        "EmployeeId": ID,
        "LastName": TEXT,
        "FirstName": TEXT,
        "Title": TEXT,
        "ReportsTo": REFERENCE,
        "BirthDate": TIME,
        "HireDate": TIME,
    }
    | PERSON,
    "invoices": {
        "InvoiceId": ID,
        "CustomerId": ID,
        "InvoiceDate": TIME,
        "BillingAddress": TEXT,
        "BillingCity": TEXT,
        "BillingState": TEXT,
        "BillingCountry": TEXT,
        "BillingPostalCode": TEXT,
        "Total": PRICE,
    },
    "invoice_items": {
        "InvoiceLineId": ID,
        "InvoiceId": ID,
        "TrackId": ID,
        "UnitPrice": PAID,
        "Quantity": PIECES,
    },
    "orders": {
        "invoice_date": Column(timestamp, "a_timestamp", True),
        "UnitPrice": PAID,
        "Quantity": PIECES,
        "genre": NAME,
        "media_type": TEXT,
        "minutes": Column(decimal(6), "a_number"),
    },
    "track_facts": {
        "genre": NAME,
        "minutes": Column(decimal(6), "a_number", True),
        "price": PRICE,
    },
}
KEYS = {
    **{table: (next(iter(columns)),) for table, columns in TABLES.items()},
    **{"playlist_track": ("PlaylistId", "TrackId"), "orders": (), "track_facts": ()},
}

# --- Reading

Raw = dict[str, str | None] | str


def raw_records(path: Path, table: str) -> list[Raw]:
    """The records of a file or a table as text; the reason instead of one that cannot be read."""
    if path.suffix == ".db":
        return list(from_database(path, table))
    content = path.read_bytes().removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    found = from_csv(content) if path.suffix == ".csv" else from_json(content)
    return [one if isinstance(one, str) else plain_names(one, table) for one in found]


def from_database(path: Path, table: str) -> Iterator[Raw]:
    with closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as database:
        database.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
        cursor = database.execute(f"select * from {table} order by rowid")
        names = [column[0] for column in cursor.description]
        for row in cursor:
            values = [None if value is None else str(value) for value in row]
            yield dict(zip(names, values, strict=True)) if is_utf8(values) else "bad_bytes"


def from_csv(content: str) -> Iterator[Raw]:
    header = content.splitlines()[0]
    delimiter = max(",;\t|", key=header.count)
    rows = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter)
    names = next(rows)
    for row in rows:
        if len(row) != len(names):
            yield "wrong_field_count"
        elif not is_utf8(row):
            yield "bad_bytes"
        else:
            yield {name: value or None for name, value in zip(names, row, strict=True)}


def from_json(content: str) -> Iterator[Raw]:
    def read(text: str) -> Any:
        return json.loads(text, parse_int=str, parse_float=str)

    if content.startswith("["):
        yield from (one if isinstance(one, dict) else "not_an_object" for one in read(content))
        return
    for line in content.split("\n"):
        if not line.strip():
            continue
        try:
            record = read(line)
        except json.JSONDecodeError:
            yield "not_json"
        else:
            yield record if isinstance(record, dict) else "not_an_object"


def is_utf8(values: list[str | None]) -> bool:
    return not re.search("[\ud800-\udfff]", "".join(value or "" for value in values))


def plain_names(record: dict[str, str | None], table: str) -> dict[str, str | None]:
    return {name.removeprefix(f"{table}."): value for name, value in record.items()}


# --- Judging


@dataclass
class Row:
    """An accepted record: its values by raw column, and its origin."""

    values: dict[str, Any]
    source_file: str
    source_record: int

    def __getitem__(self, column: str) -> Any:
        return self.values[column]

    @property
    def origin(self) -> tuple[str, int]:
        return self.source_file, self.source_record


@dataclass
class MusicStore:
    """What a build must make of the raw files.

    Attributes:
        kept: the records of each table that count.
        outcomes: by file and table, how many records came to which end.
        rejected: file, record and reasons.
        unreadable: file, record and the loader's reason.
    """

    kept: dict[str, list[Row]] = field(default_factory=dict)
    outcomes: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)
    rejected: list[tuple[str, int, str]] = field(default_factory=list)
    unreadable: list[tuple[str, int, str]] = field(default_factory=list)

    def by_key(self, table: str) -> dict[Any, Row]:
        return {row[KEYS[table][0]]: row for row in self.kept[table]}


def read(raw: Path) -> MusicStore:
    """Apply the rules to the raw files below `raw`."""
    store = MusicStore()
    for table in TABLES:
        files = files_of(raw / "music_store", table)
        accepted = [
            row
            for name in sorted(files, key=str.encode)
            for row in records_of(store, table, name, files[name], first_delivery(files, name))
        ]
        store.kept[table] = winners(store, table, accepted) if KEYS[table] else accepted
        for row in store.kept[table]:
            store.outcomes[row.source_file, table]["kept"] += 1
    return store


def files_of(folder: Path, table: str) -> dict[str, Path]:
    """The files that deliver a table, by name."""
    found = {}
    for path in folder.glob("*.db"):
        with closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as database:
            names = {name for (name,) in database.execute("select name from sqlite_master")}
        if table in names:
            found[f"music_store/{path.name}#{table}"] = path
    for path in (folder / table).rglob("*.*"):
        if path.is_file():
            found[path.relative_to(folder.parent).as_posix()] = path
    return found


def first_delivery(files: dict[str, Path], name: str) -> str:
    """The first file, in file order, with the same bytes."""
    wanted = hashlib.sha256(files[name].read_bytes()).digest()
    same = [n for n, path in files.items() if hashlib.sha256(path.read_bytes()).digest() == wanted]
    return min(same, key=str.encode)


def records_of(store: MusicStore, table: str, name: str, path: Path, first: str) -> Iterator[Row]:
    outcomes = store.outcomes[name, table] = Counter()
    for number, record in enumerate(raw_records(path, table), start=1):
        if isinstance(record, str):
            outcomes["quarantined"] += 1
            store.unreadable.append((name, number, record))
            continue
        if not KEYS[table] and first != name:
            outcomes["redelivered"] += 1
            continue
        values, reasons = cast(TABLES[table], record)
        if reasons:
            outcomes["rejected"] += 1
            store.rejected.append((name, number, "; ".join(reasons)))
        else:
            yield Row(values, name, number)


def cast(
    columns: dict[str, Column], record: dict[str, str | None]
) -> tuple[dict[str, Any], list[str]]:
    values: dict[str, Any] = {}
    reasons = []
    for name, column in columns.items():
        raw = record.get(name)
        values[name] = None if raw is None else column.cast(raw)
        if raw is None and column.required:
            reasons.append(f"{name}: missing")
        elif raw is not None and values[name] is None and column.kind:
            reasons.append(f"{name}: not_{column.kind}")
    return values, reasons


def winners(store: MusicStore, table: str, accepted: list[Row]) -> list[Row]:
    last = {tuple(row[column] for column in KEYS[table]): row for row in accepted}
    for row in accepted:
        winner = last[tuple(row[column] for column in KEYS[table])]
        if row is not winner:
            outcome = "duplicate" if row.values == winner.values else "superseded"
            store.outcomes[row.source_file, table][outcome] += 1
    return list(last.values())


# --- The marts, in the order of their columns, without loaded_at


def marts(store: MusicStore) -> dict[str, list[tuple]]:
    """Rows of every mart; those of the tables that answer a question are in their order."""
    artists, albums, genres = (store.by_key(table) for table in ("artists", "albums", "genres"))
    types, playlists, employees = (
        store.by_key(table) for table in ("media_types", "playlists", "employees")
    )
    invoices, customers, tracks = (
        store.by_key(table) for table in ("invoices", "customers", "tracks")
    )

    def name_in(rows: dict[Any, Row], key: Any, column: str = "Name") -> str | None:
        return rows[key][column] if key in rows else None

    def album(key: Any) -> tuple:
        """An album's title, its artist and the artist's name."""
        if key not in albums:
            return None, None, None
        artist = albums[key]["ArtistId"]
        return albums[key]["Title"], artist, name_in(artists, artist)

    def full_name(people: dict[Any, Row], key: Any) -> str | None:
        names = [name_in(people, key, "FirstName"), name_in(people, key, "LastName")]
        return " ".join(name for name in names if name) or None

    def track(key: Any) -> tuple:
        """A track's name, its album and all that follows from that."""
        if key not in tracks:
            return None, None, None, None, None
        return tracks[key]["Name"], tracks[key]["AlbumId"], *album(tracks[key]["AlbumId"])

    out: dict[str, list[tuple]] = {}
    for mart in ("artists", "genres", "playlists"):
        key = KEYS[mart][0]
        out[mart] = [(row[key], row["Name"], *row.origin) for row in store.kept[mart]]
    out["albums"] = [
        (row["AlbumId"], *album(row["AlbumId"]), *row.origin) for row in store.kept["albums"]
    ]
    out["customers"] = [
        (
            row["CustomerId"],
            full_name(customers, row["CustomerId"]),
            *(row[column] for column in TABLES["customers"] if column != "CustomerId"),
            full_name(employees, row["SupportRepId"]),
            *row.origin,
        )
        for row in store.kept["customers"]
    ]
    out["tracks"] = [
        (
            row["TrackId"],
            row["Name"],
            row["Composer"],
            row["AlbumId"],
            *album(row["AlbumId"]),
            row["GenreId"],
            name_in(genres, row["GenreId"]),
            row["MediaTypeId"],
            name_in(types, row["MediaTypeId"]),
            row["Milliseconds"],
            rounded(Fraction(row["Milliseconds"], 60_000), 6),
            row["Bytes"],
            row["UnitPrice"],
            *row.origin,
        )
        for row in store.kept["tracks"]
    ]
    out["playlist_tracks"] = [
        (
            row["PlaylistId"],
            name_in(playlists, row["PlaylistId"]),
            row["TrackId"],
            *track(row["TrackId"]),
            *row.origin,
        )
        for row in store.kept["playlist_track"]
    ]
    out["sales"] = []
    for row in store.kept["invoice_items"]:
        invoice = invoices[row["InvoiceId"]].values if row["InvoiceId"] in invoices else {}
        genre = name_in(tracks, row["TrackId"], "GenreId")
        out["sales"].append(
            (
                row["InvoiceLineId"],
                row["InvoiceId"],
                *(invoice.get(c) for c in ("InvoiceDate", "BillingCity", "BillingCountry")),
                invoice.get("CustomerId"),
                full_name(customers, invoice.get("CustomerId")),
                row["TrackId"],
                *track(row["TrackId"]),
                genre,
                name_in(genres, genre),
                row["UnitPrice"],
                row["Quantity"],
                row["UnitPrice"] * row["Quantity"],
                *row.origin,
            )
        )
    out["genre_sales"] = [
        (
            *(row[c] for c in ("invoice_date", "genre", "media_type", "minutes", "UnitPrice")),
            row["Quantity"],
            row["UnitPrice"] * row["Quantity"],
            *row.origin,
        )
        for row in store.kept["orders"]
    ]
    out["track_facts"] = [(*row.values.values(), *row.origin) for row in store.kept["track_facts"]]
    return out | questions(store, out)


def questions(store: MusicStore, out: dict[str, list[tuple]]) -> dict[str, list[tuple]]:
    """The tables that answer a question, in their order."""
    lengths, in_playlists = defaultdict(list), defaultdict(set)
    lines, invoices, spent = Counter(), defaultdict(set), defaultdict(list)
    for row in store.kept["tracks"]:
        lengths[row["GenreId"]].append(row["Milliseconds"])
    for playlist, _, _, _, _, _, artist, *_ in out["playlist_tracks"]:
        in_playlists[artist].add(playlist)
    for sale in out["sales"]:
        lines[sale[9]] += 1
        invoices[sale[5]].add(sale[1])
        spent[sale[5]].append(sale[-3])
    genres = []
    for genre, name, *_ in out["genres"]:
        found = lengths[genre]
        mean = Fraction(sum(found), len(found)) if found else None
        shown = (None, None) if mean is None else (rounded(mean, 8), rounded(mean / 60_000, 6))
        genres.append((mean is None, mean, (genre, name, len(found), sum(found), *shown)))
    genres.sort(key=lambda one: (one[0], one[1] or 0, one[2][1].encode(), one[2][0]))
    return {
        "genre_track_lengths": [row for _, _, row in genres],
        "artist_playlists": sorted(
            ((artist, name, len(in_playlists[artist])) for artist, name, *_ in out["artists"]),
            key=lambda row: (-row[2], row[1].encode(), row[0]),
        ),
        "album_sales": sorted(
            ((*row[:4], lines[row[0]]) for row in out["albums"]),
            key=lambda row: (-row[4], row[1].encode(), row[0]),
        ),
        "customer_spend": sorted(
            (
                (key, name, len(invoices[key]), len(spent[key]), sum(spent[key], Decimal(0)))
                for key, name, *_ in out["customers"]
            ),
            key=lambda row: (-row[4], row[1].encode(), row[0]),
        ),
    }


def rounded(number: Fraction, scale: int) -> Decimal:
    """Half up, exactly."""
    return Decimal((number * 10**scale + Fraction(1, 2)).__floor__()).scaleb(-scale)


def answers(found: dict[str, list[tuple]]) -> dict[str, list[tuple]]:
    """The one-line answers, by the name of their query in analyses/."""
    lengths = [row for row in found["genre_track_lengths"] if row[2]]
    return {
        "number_of_customers": [(len(found["customers"]),)],
        "minutes_of_the_longest_track": [(max(row[12] for row in found["tracks"]),)],
        "genre_with_the_shortest_tracks": [(lengths[0][1],)],
        "artist_in_most_playlists": [found["artist_playlists"][0][1:]],
        "most_popular_album": [(found["album_sales"][0][1], found["album_sales"][0][4])],
        "customer_who_spent_most": [(found["customer_spend"][0][1], found["customer_spend"][0][4])],
        "customers_who_spent_over_40": [(sum(row[4] > 40 for row in found["customer_spend"]),)],
    }
