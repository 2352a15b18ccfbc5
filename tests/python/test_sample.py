"""The sample: the same bytes anywhere, every kind of file, and an audit that it predicts."""

from __future__ import annotations

import gzip
import re
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import duckdb
import pytest
from casebook.errors import CasebookError
from casebook.sources import read_sources
from clone import Clone
from sample.write import SampleReport, write_application_sql, write_sample
from workbench import PROJECT, UNTESTED, Workbench

OUTCOMES = ("quarantined", "rejected", "left_out", "duplicate", "superseded", "redelivered", "kept")
FIGURES = ("files", "records", *OUTCOMES)
MOST_BYTES = 1_200_000  # of the committed sample


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def unpack(name: str, data: bytes) -> bytes:
    if name.endswith(".db"):
        return dump(data)
    return gzip.decompress(data) if name.endswith(".gz") else data


def dump(data: bytes) -> bytes:
    """The tables of a database, and what is in them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "copy.db")
        path.write_bytes(data)
        with closing(sqlite3.connect(path)) as database:
            database.text_factory = bytes
            tables = database.execute("select name, sql from sqlite_master order by 1").fetchall()
            rows = [database.execute(f"select * from {n.decode()}").fetchall() for n, _ in tables]
    return repr((tables, rows)).encode()


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample")
    report = write_sample(folder)
    return report, {name: unpack(name, data) for name, data in content(folder).items()}


def test_the_committed_sample_is_what_is_written_now(written):
    """Compressed files are compared unpacked, and a database by its rows: not all pack alike."""
    committed = content(PROJECT / "sample")
    assert written[1] == {name: unpack(name, data) for name, data in committed.items()}
    assert sum(map(len, committed.values())) < MOST_BYTES


@pytest.mark.parametrize("scale", [0.43, 2])
def test_the_same_bytes_for_any_number_of_threads(tmp_path, scale):
    write_sample(tmp_path / "one", scale, threads=1)
    write_sample(tmp_path / "four", 0.1, threads=4)
    write_sample(tmp_path / "four", scale, threads=4)  # over an earlier sample
    assert content(tmp_path / "one") == content(tmp_path / "four")


def test_a_whole_scale_multiplies_what_is_planted(written, tmp_path):
    thrice = write_sample(tmp_path, 3)
    for name, table in written[0].tables.items():
        once, more = table.counts, thrice.tables[name].counts
        assert more["files"] == once["files"]
        for figure in FIGURES[1:] if name not in FIXED else ():
            # What lies in a copied file, or is two records in some formats, varies a little.
            assert more[figure] == pytest.approx(3 * once[figure], rel=0.15, abs=6), (name, figure)


FIXED = {f"music_store.{name}" for name in ("genres", "media_types", "playlists", "employees")}

# What a file of the sample begins with, ends with, or holds; by a part of its path.
LAYOUTS = {
    "an array": ("2019-Q3.json", rb"\A\[\n\{\n    \"Id\""),
    "an array in one folder with lines": ("2019-Q4.json", rb"\A\{\"Id\""),
    "a byte order mark": ("2020-Q2", b"\\A\xef\xbb\xbf{"),
    "CRLF": ("2020-Q1", rb"\A([^\n]*\r\n)+\Z"),
    "no last newline": ("2020-Q3", rb"\}\Z"),
    "an empty file": ("_late", rb"\A\Z"),
    "an array without elements": ("Android/productEvent_20200303", rb"\A\[\]\n\Z"),
    "blank lines": ("votes_2018", rb"\n\n  \n"),
    "bytes that are not UTF-8": ("courses_2021", b"\xe3[0-9]"),
    "half a record": ("votes_2018", rb"\n\{[^}]*\n\{"),
    "semicolons": ("orders_2020-02-28", rb"\Aid;.*;status;.*;device\n"),
    "tabs": ("orders_2020-03-02.tsv", rb"\Aid\tuser_id"),
    "bars": ("ratings_2021-06_changed.txt", rb"\Auser_id\|"),
    "all fields in quotes": ("courses_2021-05-20", rb'\A("[^"]*",){3}"[^"]*"\n'),
    "an undeclared column": ("orders_2020-03-01", rb"\Acoupon,"),
    "a newline in quotes": ("courses_2021-04-15", rb'"Two\nlines\."'),
    "columns in another order": ("ratings_2021-05", b"\\A\xef\xbb\xbfrating,"),
    "fewer columns": ("movies_metadata_2017-06", rb"\A(?!.*imdb_id).*original_language.*\r\n"),
    "dates as Americans write them": ("movies_metadata_2017-06", rb",\d{1,2}/\d{1,2}/\d{4},"),
    "Python literals": ("movies_metadata_2017-05", rb"\{'id': 18, ?'name': ?'Drama'\}|'name':'"),
    "escapes in Python literals": ("2017-09.tsv", rb"\\u00c9toile"),
    "None": ("movies_metadata_2017-06", rb"'logo_path': ?None"),
    "escapes in JSON": ("movies_metadata_2017-08", rb"\\u30b9"),
    "names of columns with their table's": ("tracks_0.csv", rb"\Atracks\.TrackId,"),
    "the same in JSON": ("tracks_2.json", rb'"tracks\.TrackId":'),
    "a database": ("music.db", rb"CREATE TABLE playlist_track"),
    "a fraction of a millisecond": ("iOS/2020-02", rb'_ms":\d{13}\.\d{4},'),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_kind_of_file_is_there(written, layout):
    part, pattern = LAYOUTS[layout]
    files = [data for name, data in written[1].items() if part in name]
    assert any(re.search(pattern, data) for data in files)


def test_files_come_packed_and_twice(written):
    report, files = written
    packed = [name for name in content(report.folder) if name.endswith(".gz")]
    assert len(packed) > 10
    for name in packed:
        head = (report.folder / name).read_bytes()[:8]
        assert head[3:] == bytes(5), "a gzip header with a time or a file name"
    copies = [name for name in files if " (1)" in name]
    assert len(copies) == 5
    assert all(files[name] == files[name.replace(" (1)", "")] for name in copies)


def test_the_audit_finds_what_was_planted(written, built_clone):
    check_audit(built_clone, written[0])
    check_marts(built_clone)


def test_the_audit_finds_what_was_planted_at_a_larger_scale(tmp_path):
    bench = Workbench(tmp_path)
    planted = write_sample(bench.raw, 2.6)
    bench.casebook("build", *UNTESTED)
    check_audit(bench, planted)


def check_audit(bench: Workbench | Clone, planted: SampleReport) -> None:
    """Each table's accounting, and the reasons of what was not kept, are those of the sample."""
    declared = read_sources(PROJECT).keys()
    figures = ", ".join(f"sum({figure})::int" for figure in FIGURES[1:])
    found = {
        table: tuple(row)
        for table, *row in bench.query(
            f"select source_name || '.' || table_name, count(*), {figures}"
            " from audit.row_accounting group by all"
        )
    }
    tables = planted.tables
    assert set(found) == tables.keys() & declared
    expected = {name: tuple(tables[name].counts[one] for one in FIGURES) for name in found}
    assert found == expected
    reasons = bench.query(
        "select source_name || '.' || table_name, stage, case stage when 'quarantined'"
        " then split_part(reasons, ':', 1) else reasons end as reason, count(*)::int"
        " from audit.rejected_rows group by all"
    )
    assert {row[:3]: row[3] for row in reasons} == {
        (name, *why): count
        for name in found
        for why, count in tables[name].reasons.items()
        if why[0] in ("quarantined", "rejected")
    }


def check_marts(bench: Clone) -> None:
    """Every case has something worth looking at."""
    ((weeks, outliers),) = bench.query(
        "select count(*), (select count(*) from blog_analysis.outlier_weeks)"
        " from blog_analysis.weekly_votes"
    )
    assert 30 < outliers < weeks - 30
    least = {
        "storefront.ctr_by_interval where purchases > 0 and product_views > 0": 50,
        "movies.genre_year_facts where total_profit > 0": 50,
        "movies.company_year_facts": 100,
        "music_store.album_sales": 20,
        "music_store.artist_playlists": 20,
        "music_store.customer_spend": 20,
        "courses.recommendations": 100,
        "courses.course_ratings": 20,
    }
    for rows, count in least.items():
        assert bench.query(f"select count(*) from {rows}")[0][0] > count, rows


def test_the_application_is_filled_with_what_the_files_hold(written, tmp_path):
    write_application_sql(tmp_path / "application.sql")
    with duckdb.connect() as database:
        database.execute((tmp_path / "application.sql").read_text(encoding="utf-8"))
        for table in ("film", "customer", "rating"):
            planted = written[0].tables[f"film_store.{table}"].counts
            rows = database.sql(f"select count(*) from {table}").fetchone()
            assert rows == (planted["records"] - planted["quarantined"],)


def test_a_foreign_folder_is_refused(tmp_path):
    (tmp_path / "blog/votes/2018").mkdir(parents=True)
    (tmp_path / "blog/votes/2018/.votes_2018.jsonl.part").write_text("what a killed run left")
    stranger = tmp_path / "blog/votes/mine.jsonl"
    stranger.write_text("mine")
    with pytest.raises(CasebookError, match=r"blog/votes/mine\.jsonl") as refusal:
        write_sample(tmp_path)
    assert refusal.value.fix
    with pytest.raises(CasebookError, match="is a file"):
        write_sample(stranger)
    assert stranger.read_text() == "mine"


@pytest.mark.parametrize("scale", [0, -1, float("inf"), float("nan")])
def test_a_scale_without_records_is_refused(tmp_path, scale):
    with pytest.raises(CasebookError, match="scale"):
        write_sample(tmp_path, scale)


def test_progress_counts_the_files(tmp_path):
    calls: list[tuple[int, int]] = []
    write_sample(tmp_path, 0.1, progress=lambda done, total: calls.append((done, total)))
    assert [done for done, _ in calls] == list(range(1, calls[-1][1] + 1))
