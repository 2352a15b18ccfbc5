"""The music store's raw files: an SQLite database, and exports of some tables as CSV and JSON.

Genres, media types, playlists and employees are the same whatever the scale.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path

from casebook.sample.music_files import Export, Rows, write_database, write_export
from casebook.sample.music_stories import FIXED, STORIES, Store, Told
from casebook.sample.report import TableReport

FOLDER = "music_store"
DATABASE = f"{FOLDER}/music.db"

# The tables as the database has them; columns without a type take whatever they are given.
COLUMNS: dict[str, tuple[str, ...]] = {
    "artists": ("ArtistId INTEGER PRIMARY KEY", "Name NVARCHAR(120)"),
    "albums": ("AlbumId INTEGER PRIMARY KEY", "Title NVARCHAR(160)", "ArtistId INTEGER"),
    "genres": ("GenreId INTEGER PRIMARY KEY", "Name NVARCHAR(120)"),
    "media_types": ("MediaTypeId INTEGER PRIMARY KEY", "Name NVARCHAR(120)"),
    "tracks": (
        *("TrackId INTEGER PRIMARY KEY", "Name NVARCHAR(200)", "AlbumId INTEGER"),
        *("MediaTypeId INTEGER", "GenreId INTEGER", "Composer NVARCHAR(220)"),
        *("Milliseconds INTEGER", "Bytes INTEGER", "UnitPrice NUMERIC(10,2)"),
    ),
    "playlists": ("PlaylistId INTEGER PRIMARY KEY", "Name NVARCHAR(120)"),
    "playlist_track": ("PlaylistId INTEGER", "TrackId INTEGER"),
    "employees": (
        *("EmployeeId INTEGER PRIMARY KEY", "LastName NVARCHAR(20)", "FirstName NVARCHAR(20)"),
        *("Title NVARCHAR(30)", "ReportsTo INTEGER", "BirthDate DATETIME", "HireDate DATETIME"),
        "Email NVARCHAR(60)",
    ),
    "customers": (
        *("CustomerId INTEGER PRIMARY KEY", "FirstName NVARCHAR(40)", "LastName NVARCHAR(20)"),
        *("Company NVARCHAR(80)", "City NVARCHAR(40)", "State NVARCHAR(40)"),
        *("Country NVARCHAR(40)", "Email NVARCHAR(60)", "SupportRepId INTEGER"),
    ),
    "invoices": (
        *("InvoiceId INTEGER PRIMARY KEY", "CustomerId INTEGER", "InvoiceDate DATETIME"),
        *("BillingCity NVARCHAR(40)", "BillingCountry NVARCHAR(40)", "Total NUMERIC(10,2)"),
    ),
    "invoice_items": (
        *("InvoiceLineId INTEGER PRIMARY KEY", "InvoiceId INTEGER", "TrackId INTEGER"),
        *("UnitPrice NUMERIC(10,2)", "Quantity INTEGER"),
    ),
}
EXPORTED = {
    "tracks": tuple(column.split()[0] for column in COLUMNS["tracks"]),
    "playlist_track": ("PlaylistId", "TrackId"),
    "orders": ("invoice_date", "UnitPrice", "Quantity", "genre", "media_type", "minutes"),
    "track_facts": ("genre", "minutes", "price"),
}


# In file order. The database comes before all of them, and is file 0 of its tables.
EXPORTS: dict[str, tuple[Export, ...]] = {
    "tracks": (
        Export("tracks_0.csv", "csv", prefixed=True),
        Export("tracks_1.json", "lines"),
        Export("tracks_2.json", "array", prefixed=True),
        Export(
            "tracks_3.csv", "csv", delimiter=";", newline="\r\n", opening="\ufeff", nothing="NA"
        ),
    ),
    "playlist_track": (
        Export("playlist_track_0.csv", "csv"),
        Export("playlist_track_1.json", "lines", prefixed=True),
    ),
    "orders": (
        Export("orders_2011.csv", "csv"),
        Export("orders_2012.json", "lines", again="orders_2012 (1).json"),
        Export("orders_2013.json", "array", prefixed=True),
    ),
    "track_facts": (
        Export("track_facts_0.csv", "csv", prefixed=True, again="again/track_facts_0.csv"),
        Export("track_facts_1.json", "lines"),
    ),
}
FILES = (
    DATABASE,
    *(
        f"{FOLDER}/{table}/{name}"
        for table, exports in EXPORTS.items()
        for export in exports
        for name in (export.name, export.again)
        if name
    ),
)


def count_records(scale: float) -> int:
    """How many records `write` writes.

    Args:
        scale: how many times the base number of records.
    """
    return sum(table.records for table in _report(Store(scale)))


def write(out_dir: Path, scale: float, advance: Callable[[int], None]) -> list[TableReport]:
    """Write the music store's raw files.

    Args:
        out_dir: the folder that is laid out like `raw/`.
        scale: how many times the base number of records.
        advance: called with a number of records whenever as many more have been written.

    Returns:
        What was planted, table by table.
    """
    store = Store(scale)
    write_database(out_dir / DATABASE, COLUMNS, partial(_rows, store, 0), advance)
    for table, exports in EXPORTS.items():
        for place, export in enumerate(exports, int(table in COLUMNS)):
            rows = _rows(store, place, table)
            write_export(out_dir / FOLDER / table, export, EXPORTED[table], rows, advance)
    return _report(store)


def _rows(store: Store, file: int, table: str) -> Rows:
    """The records of a table's file, in their order."""
    for told, values in store.rows(table, file):
        yield values, told.spoil


def _report(store: Store) -> list[TableReport]:
    reports = []
    for table in dict.fromkeys(chain(COLUMNS, EXPORTED)):
        exports = EXPORTS.get(table, ())
        in_database = table in COLUMNS
        files = in_database + sum(2 if export.again else 1 for export in exports)
        report = TableReport(FOLDER, table, files=files)
        again = {n for n, e in enumerate(exports, int(in_database)) if e.again}
        for told, uses in _planted(store, table):
            report.records += uses
            report.count(told.outcome, told.detail, uses)
            if told.file in again:
                report.records += uses
                is_bad = told.outcome == "quarantined"
                report.count(
                    *((told.outcome, told.detail) if is_bad else ("redelivered", "")), uses
                )
        reports.append(report)
    return reports


def _planted(store: Store, table: str) -> Iterator[tuple[Told, int]]:
    """Each record of scale 1, and how often it is told."""
    if table in FIXED:
        yield from ((told, 1) for told, _ in FIXED[table])
        return
    for story in range(STORIES):
        for told, _ in store.records(table, 0, story) if store.uses(story) else ():
            yield told, store.uses(story)
