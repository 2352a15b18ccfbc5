"""What the sample reports of movies is what a plain reading and a build find in it."""

from __future__ import annotations

import gzip
import re
import tracemalloc
from collections import Counter
from pathlib import Path

import pytest
from casebook.sample import movies, write_sample
from movies_model import FOLDER, files_of, read, rows_of
from test_movies import check_lists, check_marts
from workbench import Workbench, project_with

COUNTS = (
    *("files", "records", "quarantined", "landed", "items", "rejected", "left_out"),
    *("duplicate", "superseded", "redelivered", "kept"),
)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A sample, what it reports of movies, and what a plain reading finds."""
    folder = tmp_path_factory.mktemp("sample")
    report = write_sample(folder).table("movies.movies_metadata")
    return folder, report, read(folder)


def in_words(reasons: str) -> str:
    """`genres: not_a_list` as a report has it: `genres not a list`."""
    pairs = (reason.split(": ") for reason in reasons.split("; "))
    return "; ".join(f"{column} {reason.replace('_', ' ')}" for column, reason in pairs)


def texts(folder: Path) -> dict[str, str]:
    """The text of each file, by its name."""
    found = {}
    for name in files_of(folder):
        content = (folder / name).read_bytes()
        plain = gzip.decompress(content) if name.endswith(".gz") else content
        found[Path(name).name] = plain.decode("utf-8", "surrogateescape")
    return found


@pytest.mark.parametrize("scale", [0.01, 0.4558, 1, 2.6, 20])
def test_the_report_is_what_the_files_hold(tmp_path, base, scale):
    _, once, _ = base
    report = write_sample(tmp_path, scale).table("movies.movies_metadata")
    found = read(tmp_path)
    outcomes = sum(found.outcomes.values(), Counter())
    assert report.files == len(files_of(tmp_path))
    assert report.records == sum(1 for f in files_of(tmp_path) for _ in rows_of(tmp_path / f))
    assert report.quarantined == len(found.quarantined)
    assert +report.rejection_reasons == Counter(in_words(row[2]) for row in found.rejected)
    for outcome in ("duplicate", "superseded", "kept"):
        assert getattr(report, outcome) == outcomes[outcome], outcome
    assert report.kept == len(found.movies)
    assert report.landed == report.items
    assert report.notes["without_release_date"] == found.undated.total()
    assert abs(report.records - scale * once.records) < 20, "other than the scale says"


def test_a_scale_multiplies_every_count(tmp_path, base):
    _, once, _ = base
    thrice = write_sample(tmp_path, 3).table("movies.movies_metadata")
    assert thrice.files == once.files
    for name in COUNTS[1:]:
        assert getattr(thrice, name) == 3 * getattr(once, name), name
    for name in ("quarantine_reasons", "rejection_reasons", "notes"):
        expected = {key: 3 * count for key, count in getattr(once, name).items()}
        assert getattr(thrice, name) == expected, name


def test_a_build_finds_what_the_report_says(tmp_path, base):
    _, planted, found = base
    bench = Workbench(tmp_path, project_with("movies"))
    write_sample(bench.raw)
    bench.casebook("build")
    names = ", ".join(f"sum({name})::bigint" for name in COUNTS[1:])
    (counted,) = bench.query(f"select count(*), {names} from audit.row_accounting")
    assert dict(zip(COUNTS, counted, strict=True)) == {
        name: getattr(planted, name) for name in COUNTS
    }
    rows = bench.query("select stage, reasons from audit.rejected_rows")
    codes = Counter(reasons.split(":")[0] for stage, reasons in rows if stage == "quarantined")
    rejected = Counter(in_words(reasons) for stage, reasons in rows if stage == "rejected")
    assert rejected == +planted.rejection_reasons
    assert codes == +planted.quarantine_reasons
    assert bench.query("select sum(items)::bigint from audit.left_out_items") == [
        (planted.notes["without_release_date"],)
    ]
    check_marts(bench, found)
    assert check_lists(bench) > 400


def test_every_kind_of_file_is_there(base):
    folder, _, _ = base
    files = texts(folder)
    assert {name.partition(".")[2] for name in files} == {"csv", "csv.gz", "jsonl", "tsv"}
    assert sum(text.startswith("\ufeff") for text in files.values()) == 1
    assert any("\r\n" in text for text in files.values())
    headers = [text.split("\n")[0] for name, text in files.items() if "jsonl" not in name]
    assert {header.count("\t") or header.count(",") for header in headers} == {14, 23}
    assert any("adult" not in header for header in headers)
    joined = "\n".join(files.values())
    assert re.search(r",\d{1,2}/\d{1,2}/\d{4},", joined), "a date of the other kind"
    assert "'logo_path': None" in joined
    assert '"name": "\\u00c9toile' in joined.replace('""', '"')
    assert "'name': '\\xc9toile" in joined
    assert '"D\'Pelicula"' in joined.replace('""', '"')
    months = {name: text for name, text in files.items() if "changed" not in name}
    assert all(len(text) > 10_000 for text in months.values())


def test_every_kind_of_bad_record_is_there(base):
    folder, report, _ = base
    assert set(report.quarantine_reasons) == {"not_json", "bad_bytes", "wrong_field_count"}
    columns = {
        reason.split(" ")[0]
        for reasons in report.rejection_reasons
        for reason in reasons.split("; ")
    }
    assert columns == {
        *("id", "title", "release_date", "budget", "revenue", "popularity", "runtime", "genres"),
        "production_companies",
    }
    assert any("; " in reasons for reasons in report.rejection_reasons)
    assert min(report.duplicate, report.superseded) > 5
    plain = (folder / FOLDER / "2017" / "movies_metadata_2017-05.csv").read_text("utf-8", "replace")
    assert re.search(r"to town\n and leaves", plain), "a record split into 10 and 15 fields"
    assert all(
        report.notes[note]
        for note in (
            *("without_release_date", "without_genres", "without_companies", "genre_twice"),
            *("tiny_popularity", "blank_numbers", "newline_in_quotes", "amount_in_millions"),
        )
    )


def test_names_and_ids_compete(base):
    _, _, found = base
    mentions: dict[int, set[str]] = {}
    for movie in found.movies.values():
        for company, name in movie["companies"]:
            mentions.setdefault(company, set()).add(name)
    assert any(len(names) > 1 for names in mentions.values()), "no company was renamed"
    names = Counter(name for name, _ in found.names("companies").values())
    assert names["Canal+"] == 2


def test_money_is_that_of_movies(base):
    _, _, found = base
    for column in ("budget", "revenue"):
        amounts = [movie[column] or 0 for movie in found.movies.values()]
        unknown = sum(not amount for amount in amounts) / len(amounts)
        assert 0.4 < unknown < 0.7, column
        assert any(0 < amount < 1_000 for amount in amounts)
    for of in ("genres", "companies"):
        facts = found.year_facts(of)
        assert any(row[10] is not None and row[10] < 0 for row in facts), "no loss"
        assert any(row[10] is not None and row[10] > 0 for row in facts), "no profit"


def test_memory_does_not_grow_with_the_scale(tmp_path):
    peaks = []
    for scale in (8, 32):
        tracemalloc.start()
        movies.write(tmp_path, scale, lambda records: None)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]
