"""What the sample reports of the music store is what a plain reading and a build find in it."""

from __future__ import annotations

import sqlite3
import tracemalloc
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from casebook.sample import music_store, write_sample
from casebook.sample.report import TableReport
from music_store_model import TABLES, MusicStore, marts, raw_records, read
from test_music_store import check_marts
from workbench import Workbench, project_with

OUTCOMES = ("quarantined", "rejected", "duplicate", "superseded", "redelivered", "kept")
FIXED = {"genres", "media_types", "playlists", "employees"}


def reports_of(folder: Path, scale: float = 1) -> dict[str, TableReport]:
    report = write_sample(folder, scale)
    return {table: report.table(f"music_store.{table}") for table in TABLES}


def check_report(planted: TableReport, found: MusicStore) -> None:
    """A table's report says what a plain reading finds in its files."""
    files = {file for file, table in found.outcomes if table == planted.table}
    counted = sum((found.outcomes[file, planted.table] for file in files), Counter())
    assert planted.files == len(files)
    assert {name: getattr(planted, name) for name in OUTCOMES if getattr(planted, name)} == counted
    assert planted.records == counted.total() == planted.quarantined + planted.landed
    assert planted.landed == planted.items
    reasons = Counter(in_words(why) for file, _, why in found.rejected if file in files)
    assert +planted.rejection_reasons == reasons
    codes = Counter(code for file, _, code in found.unreadable if file in files)
    assert +planted.quarantine_reasons == codes


def in_words(reasons: str) -> str:
    """`TrackId: not_an_integer` as a report has it: `TrackId not an integer`."""
    return reasons.replace(": ", " ").replace("_", " ").replace("invoice date", "invoice_date")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, TableReport]]:
    folder = tmp_path_factory.mktemp("sample")
    return folder, reports_of(folder)


@pytest.mark.parametrize("scale", [0.01, 0.4558, 1, 2.6, 10])
def test_the_report_is_what_the_files_hold(tmp_path: Path, base, scale: float) -> None:
    reports = reports_of(tmp_path, scale)
    found = read(tmp_path)
    for table, planted in reports.items():
        check_report(planted, found)
        expected = base[1][table].records * (1 if table in FIXED else scale)
        assert abs(planted.records - expected) < 20, "other than the scale says"


def test_a_scale_multiplies_every_count(tmp_path: Path, base) -> None:
    _, once = base
    thrice = reports_of(tmp_path, 3)
    for table, report in once.items():
        times = 1 if table in FIXED else 3
        assert thrice[table].files == report.files
        for name in ("records", "landed", "items", *OUTCOMES):
            assert getattr(thrice[table], name) == times * getattr(report, name), f"{table}: {name}"
        for name in ("quarantine_reasons", "rejection_reasons", "notes"):
            expected = {key: times * count for key, count in getattr(report, name).items()}
            assert getattr(thrice[table], name) == expected, f"{table}: {name}"


def test_a_build_finds_what_the_report_says(tmp_path: Path, base) -> None:
    _, reports = base
    bench = Workbench(tmp_path, project_with("music_store"))
    write_sample(bench.raw)
    shown = bench.casebook("build")
    names = ("records", "landed", "items", *OUTCOMES)
    sums = ", ".join(f"sum({name})::bigint" for name in names)
    for table, planted in reports.items():
        (counted,) = bench.query(
            f"select count(*), {sums} from audit.row_accounting where table_name = ?", table
        )
        assert counted == (planted.files, *(getattr(planted, name) for name in names)), table
    check_marts(bench, read(bench.raw))
    for test, note in (
        ("support_representatives_of_customers_are_known", "unknown_representative"),
        ("customers_of_sales_are_known", "unknown_customer"),
        ("tracks_of_sales_are_known", "unknown_track"),
        ("albums_of_tracks_are_known", "unknown_album"),
    ):
        assert sum(report.notes[note] for report in reports.values()), note
        assert f"look at {test}: " in shown.stderr


def test_every_kind_of_file_is_there(base) -> None:
    folder, _ = base
    home = folder / "music_store"
    content = {path.relative_to(home).as_posix(): path.read_bytes() for path in home.rglob("*.*")}
    assert {name.rpartition(".")[2] for name in content} == {"db", "csv", "json"}
    headers = [data.split(b"\n")[0] for name, data in content.items() if name.endswith(".csv")]
    assert {b"," in header for header in headers} == {b";" in header for header in headers}
    assert {b"." in header for header in headers} == {True, False}, "prefixed and not"
    texts = [data for name, data in content.items() if name.endswith(".json")]
    assert {data[:1] for data in texts} == {b"[", b"{"}
    assert {b'": ' in data and b"." in data.split(b'":')[0] for data in texts} == {True, False}
    assert any(data.startswith(b"\xef\xbb\xbf") for data in content.values())
    assert any(b"\r\n" in data for name, data in content.items() if name.endswith(".csv"))
    assert len(set(content.values())) == len(content) - 2, "two files are delivered twice"
    database = content["music.db"]
    assert len(database) < 60_000
    assert int.from_bytes(database[96:100], "big") == 3_040_001, "says which SQLite wrote it"


def test_every_kind_of_dirt_is_there(base) -> None:
    folder, reports = base
    tracks = reports["tracks"]
    assert set(tracks.quarantine_reasons) == {
        *("not_json", "not_an_object", "bad_bytes", "wrong_field_count")
    }
    assert any("; " in reasons for reasons in tracks.rejection_reasons)
    for table in ("tracks", "playlist_track"):
        assert reports[table].duplicate
    assert tracks.superseded
    for table in ("orders", "track_facts"):
        assert reports[table].redelivered
        assert reports[table].notes["equal"] > 5
    composers = {
        record.get("Composer")
        for path in [folder / music_store.DATABASE, *folder.rglob("tracks_*")]
        for record in raw_records(path, "tracks")
        if isinstance(record, dict)
    }
    assert {None, "NA", "", "  "} <= composers


def test_the_store_is_one_that_could_be(base) -> None:
    folder, _ = base
    found = marts(read(folder))
    assert len({row[1] for row in found["artists"]}) == len(found["artists"])
    titles = Counter(row[1] for row in found["albums"])
    assert titles["Greatest Hits"] > 1
    assert len({row[1] for row in found["playlists"]}) < len(found["playlists"])
    minutes = [row[12] for row in found["tracks"]]
    assert 3 < sorted(minutes)[len(minutes) // 2] < 5
    assert max(minutes) > 20
    assert found["artist_playlists"][0][2] == found["artist_playlists"][1][2], "a tie"
    assert found["album_sales"][0][4] > 3 * len(found["sales"]) / len(found["albums"]) / 2
    assert not all(row[1].isascii() for row in found["artists"])


def test_the_database_is_an_ordinary_one(base) -> None:
    folder, _ = base
    with closing(sqlite3.connect(folder / music_store.DATABASE)) as database:
        assert database.execute("pragma integrity_check").fetchall() == [("ok",)]
        assert database.execute("pragma page_size").fetchall() == [(1024,)]


def test_memory_does_not_grow_with_the_scale(tmp_path: Path) -> None:
    peaks = []
    for scale in (8, 24):
        tracemalloc.start()
        music_store.write(tmp_path, scale, lambda records: None)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]
