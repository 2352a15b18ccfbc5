"""What the sample reports of the courses is what a plain reading and a build find in it."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from casebook.sample import courses
from casebook.sample.report import TableReport
from courses_model import Courses, Record, read
from test_sample_storefront import COUNTS, in_words, read_rows, text_of
from workbench import Workbench, project_with

TABLES = ("courses", "ratings")
REASONS = ("quarantine_reasons", "rejection_reasons")


def read_file(path: Path) -> list[Record | str]:
    return read_rows(text_of(path.name, path.read_bytes()))


def write(folder: Path, scale: float = 1) -> dict[str, TableReport]:
    """Write the courses' files, and give what was planted, by table."""
    return {report.table: report for report in courses.write(folder, scale, lambda records: None)}


def count(found: Courses, table: str) -> TableReport:
    """What plain Python finds of a table, in the words of a report."""
    home = f"courses/{table}/"
    outcomes = {file: ends for file, ends in found.outcomes.items() if file.startswith(home)}
    total = sum(outcomes.values(), Counter())
    quarantined = [why for file, _, why in found.quarantined if file.startswith(home)]
    rejected = [in_words(why) for file, _, why in found.rejected if file.startswith(home)]
    return TableReport(
        "courses",
        table,
        files=len(outcomes),
        records=total.total() + len(quarantined),
        quarantine_reasons=Counter(quarantined),
        rejection_reasons=Counter(rejected),
        duplicate=total["duplicate"],
        superseded=total["superseded"],
        kept=total["kept"],
    )


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample")
    return folder, write(folder), read(folder, read_file=read_file)


@pytest.mark.parametrize("scale", [0.01, 0.4558, 1, 2.6])
def test_the_report_is_what_the_files_hold(tmp_path, base, scale):
    _, once, _ = base
    reports = write(tmp_path, scale)
    found = read(tmp_path, read_file=read_file)
    for table in TABLES:
        planted, counted = reports[table], count(found, table)
        for name in COUNTS:
            assert getattr(planted, name) == getattr(counted, name), f"{table}: {name}"
        for name in REASONS:
            assert +getattr(planted, name) == getattr(counted, name), f"{table}: {name}"
        assert planted.landed == planted.items
    ratings = reports["ratings"].records
    assert abs(ratings - scale * once["ratings"].records) < 20, "other than the scale says"


def test_a_scale_multiplies_every_count(tmp_path, base):
    _, once, _ = base
    thrice = write(tmp_path, 3)
    for table, report in once.items():
        tripled = thrice[table]
        assert tripled.files == report.files
        for name in COUNTS[1:]:
            assert getattr(tripled, name) == 3 * getattr(report, name), f"{table}: {name}"
        for name in (*REASONS, "notes"):
            expected = {key: 3 * number for key, number in getattr(report, name).items()}
            assert getattr(tripled, name) == expected, f"{table}: {name}"


def test_a_build_finds_what_the_report_says(tmp_path, base):
    _, reports, found = base
    bench = Workbench(tmp_path, project_with("courses"))
    write(bench.raw)
    bench.casebook("build")
    names = ", ".join(f"sum({name})::bigint" for name in COUNTS[1:])
    for table, planted in reports.items():
        (counted,) = bench.query(
            f"select count(*), {names} from audit.row_accounting"
            " where source_name = 'courses' and table_name = ?",
            table,
        )
        expected = {name: getattr(planted, name) for name in COUNTS}
        assert dict(zip(COUNTS, counted, strict=True)) == expected, table
        rows = bench.query(
            "select stage, reasons from audit.rejected_rows"
            " where source_name = 'courses' and table_name = ?",
            table,
        )
        codes = Counter(reasons.split(":")[0] for stage, reasons in rows if stage == "quarantined")
        rejected = Counter(in_words(reasons) for stage, reasons in rows if stage == "rejected")
        assert rejected == +planted.rejection_reasons, table
        assert codes == +planted.quarantine_reasons, table
    shown = bench.query("select user_id, rank, course_id, rating from courses.recommendations")
    assert shown == found.recommendations()
    assert bench.query("from courses.recommendations_for_user(7)"), "user 7 of the README"


def test_every_kind_of_file_is_there(base):
    folder, _, _ = base
    paths = [path for path in (folder / "courses").rglob("*.*") if path.is_file()]
    texts = [text_of(path.name, path.read_bytes()) for path in paths]
    assert {path.name.partition(".")[2] for path in paths} == {"csv", "csv.gz", "tsv", "txt"}
    headers = [text.splitlines()[0] for text in texts]
    assert {re.search(r"[,;\t|]", header)[0] for header in headers} == set(",;\t|")
    assert any("\r\n" in text for text in texts)
    assert any(path.read_bytes().startswith(b"\xef\xbb\xbf") for path in paths)
    assert len({path.read_bytes() for path in paths}) == len(paths) - 1, "none delivered twice"


def test_every_kind_of_bad_record_is_there(base):
    _, reports, _ = base
    catalogue, ratings = (reports[table] for table in TABLES)
    for table in (catalogue, ratings):
        assert set(table.quarantine_reasons) == {"wrong_field_count", "bad_bytes"}
        assert table.duplicate
        assert table.superseded
    assert set(catalogue.rejection_reasons) == {
        *("course_id missing", "course_id not an integer", "title missing", "title not a title"),
        "course_id not an integer; title missing",
    }
    assert set(ratings.rejection_reasons) == {
        *("rating missing", "rating not a number", "rating out of range"),
        *("rating too many decimals", "user_id missing", "user_id not an integer"),
        *("course_id not an integer", "course_id unknown course"),
        "course_id missing; rating not a number",
    }
    assert catalogue.notes["no_language"] >= 4
    assert catalogue.notes["newline_in_quotes"]
    for table, most in ((catalogue, 0.2), (ratings, 0.1)):
        assert 0.03 < (table.quarantined + table.rejected) / table.records < most


def test_the_site_is_one_that_could_be(base):
    _, _, found = base
    means = found.means()
    assert 0 < len(found.courses) - len(means) < 5, "courses that nobody has rated"
    averages = sorted(mean for mean, _ in means.values())
    assert averages[0] < 3.5
    assert averages[len(averages) // 2] < 4.5 < averages[-3], "none is above the usual threshold"
    counts = sorted(number for _, number in means.values())
    assert counts[-1] > 5 * counts[0], "none is popular"
    users = Counter(user for user, _ in found.ratings)
    assert len(users) > 250
    assert min(users.values()) == 1
    assert max(users.values()) > 8
    assert len({language for _, language, *_ in found.courses.values()}) >= 5
    assert any("\n" in (description or "") for *_, description, _, _ in found.courses.values())
