"""What the sample reports of votes is what an independent, plain reading of its files finds.

The files of other sources are read in test_sample_<source>.py.
"""

from __future__ import annotations

import gzip
import json
import re
import sqlite3
import tempfile
from collections import Counter, defaultdict
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

import pytest
from casebook.errors import CasebookError
from casebook.sample import SOURCES, write_sample, write_votes, write_votes_of_day

COMMITTED = Path(__file__).parents[2] / "sample"
REQUIRED = ("Id", "PostId", "VoteTypeId", "CreationDate")
BITS = {"Id": 64, "PostId": 64, "VoteTypeId": 32, "UserId": 64, "BountyAmount": 32}
KNOWN_TYPES = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 15, 16}
TIMESTAMP = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ]([0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]+)?)?"
)


@dataclass
class Found:
    """What a reading of vote files found."""

    records: int = 0
    quarantine_reasons: Counter = field(default_factory=Counter)
    rejection_reasons: Counter = field(default_factory=Counter)
    rejected_values: set = field(default_factory=set)
    accepted: dict = field(default_factory=lambda: defaultdict(list))  # votes by Id, in file order
    ids_rejected_later: set = field(default_factory=set)

    @property
    def winners(self) -> list[tuple]:
        return [votes[-1] for votes in self.accepted.values()]

    def losers(self, *, equal: bool) -> int:
        return sum(
            (loser == votes[-1]) is equal
            for votes in self.accepted.values()
            for loser in votes[:-1]
        )


def read_votes(folder: Path) -> Found:
    """Read all files below a folder, in byte order of their paths, by the rules of the spec."""
    found = Found()
    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.*")}
    for name in sorted(paths, key=str.encode):
        for record in read_file(paths[name]):
            found.records += 1
            if isinstance(record, str):
                found.quarantine_reasons[record] += 1
                continue
            vote, reasons = cast(record)
            if reasons:
                found.rejection_reasons["; ".join(reasons)] += 1
                found.rejected_values |= {record.get(reason.split()[0]) for reason in reasons}
                if vote["Id"] in found.accepted:
                    found.ids_rejected_later.add(vote["Id"])
            else:
                found.accepted[vote["Id"]].append(vote)
    return found


def read_file(path: Path) -> list[dict | str]:
    """The records of a file; the reason instead of a record that cannot be read."""
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    content = content.removeprefix(b"\xef\xbb\xbf")
    if content.startswith(b"["):
        return [item if isinstance(item, dict) else "not_an_object" for item in json.loads(content)]
    return [read_line(line) for line in content.split(b"\n") if line.strip()]


def read_line(line: bytes) -> dict | str:
    try:
        record = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError:
        return "bad_bytes"
    except json.JSONDecodeError:
        return "not_json"
    return record if isinstance(record, dict) else "not_an_object"


def cast(record: dict) -> tuple[dict, list[str]]:
    """A record's typed values, and why it is rejected."""
    vote, reasons = {}, []
    for column in (*BITS, "CreationDate"):
        text = record.get(column)
        kind = "an integer" if column in BITS else "a timestamp"
        vote[column] = cast_integer(text, BITS[column]) if column in BITS else cast_timestamp(text)
        if text is None and column in REQUIRED:
            reasons.append(f"{column} missing")
        if text is not None and vote[column] is None:
            reasons.append(f"{column} not {kind}")
    return vote, reasons


def cast_integer(text: str | None, bits: int) -> int | None:
    if text is None or not re.fullmatch(r"[+-]?[0-9]+", text.strip(" ")):
        return None
    number = int(text)
    return number if -(2 ** (bits - 1)) <= number < 2 ** (bits - 1) else None


def cast_timestamp(text: str | None) -> datetime | None:
    match = TIMESTAMP.fullmatch(text or "")
    try:
        return match and datetime.fromisoformat(f"{match[1]}T{match[2] or '00:00:00'}")
    except ValueError:
        return None


def votes_in(folder: Path) -> Path:
    return folder / "blog" / "votes"


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def unpacked(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: unpack(name, data) for name, data in files.items()}


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
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample")
    return votes_in(folder), write_sample(folder).table("blog.votes")


@pytest.mark.parametrize("scale", [0.01, 0.4558, 1, 2.6, 60])
def test_the_report_is_what_the_files_hold(tmp_path, scale):
    report = write_sample(tmp_path, scale).table("blog.votes")
    found = read_votes(votes_in(tmp_path))
    assert report.files == len(content(votes_in(tmp_path)))
    assert report.records == found.records
    assert report.quarantine_reasons == found.quarantine_reasons
    assert report.rejection_reasons == found.rejection_reasons
    assert report.duplicate == found.losers(equal=True)
    assert report.superseded == found.losers(equal=False)
    assert report.kept == len(found.accepted)
    assert report.records == report.quarantined + report.landed
    assert report.landed == report.items
    assert report.items == report.rejected + report.duplicate + report.superseded + report.kept
    unknown = [vote for vote in found.winners if vote["VoteTypeId"] not in KNOWN_TYPES]
    assert report.notes["unknown_type"] == len(unknown)


def test_a_scale_multiplies_every_count(tmp_path, base):
    _, once = base
    thrice = write_sample(tmp_path, 3).table("blog.votes")
    for name in ("records", "landed", "rejected", "duplicate", "superseded", "kept"):
        assert getattr(thrice, name) == 3 * getattr(once, name), name
    for name in ("quarantine_reasons", "rejection_reasons", "notes"):
        tripled = {key: 3 * count for key, count in getattr(once, name).items()}
        assert getattr(thrice, name) == tripled, name
    assert thrice.files == once.files


def test_the_same_bytes_every_time(tmp_path):
    write_sample(tmp_path / "one", 2)
    write_sample(tmp_path / "two", 0.5)
    write_sample(tmp_path / "two", 2)  # over an earlier sample
    assert content(tmp_path / "one") == content(tmp_path / "two")


def test_the_committed_sample_is_what_is_written_now(tmp_path):
    """Compressed files are compared unpacked, and a database by its rows: not all pack alike."""
    write_sample(tmp_path)
    committed = content(COMMITTED)
    assert unpacked(committed) == unpacked(content(tmp_path))
    for source, size_bytes in (
        ("blog", 600_000),
        ("storefront", 300_000),
        ("movies", 150_000),
        ("music_store", 150_000),
        ("courses", 150_000),
    ):
        sizes = [len(data) for name, data in committed.items() if name.startswith(f"{source}/")]
        assert 0 < sum(sizes) < size_bytes, source


def test_every_kind_of_file_is_there(base):
    folder, _ = base
    files = content(folder)
    plain = unpacked(files)
    assert {name.partition(".")[2] for name in files} == {"jsonl", "jsonl.gz", "json", "ndjson"}
    assert {plain[name][:1] for name in files if name.endswith(".json")} == {b"[", b"{"}
    assert any(data.startswith(b"\xef\xbb\xbf") for data in plain.values())
    assert any(data.count(b"\r\n") == data.count(b"\n") > 0 for data in plain.values())
    assert any(data and not data.endswith(b"\n") for data in plain.values())
    assert any(b"\n\n" in data for data in plain.values())
    assert b"" in plain.values()
    for name, data in files.items():
        if name.endswith(".gz"):
            assert data[3:8] == bytes(5), "a gzip header with a time or a file name"


def test_every_kind_of_bad_record_is_there(base):
    folder, report = base
    found = read_votes(folder)
    assert set(report.quarantine_reasons) == {"not_json", "not_an_object", "bad_bytes"}
    for column in REQUIRED:
        assert report.rejection_reasons[f"{column} missing"]
    assert found.rejected_values >= {
        *("R", "", "@", "INFINITE", "7.6", "1e3", "0x10", "1_000", "４２", "infinity", "12 34"),
        *("2022-02-30", "20229999-02-06T00:00:00.000", "2019-02-29T00:00:00.000"),
        *("9223372036854775808", "-9223372036854775809", "2147483648", "99999999999"),
    }
    assert any("; " in reasons for reasons in report.rejection_reasons)
    assert found.ids_rejected_later, "no rejected record has the Id of an accepted one"
    assert 0.015 < report.duplicate / report.records < 0.025
    assert 0.008 < report.superseded / report.records < 0.015
    assert 0.008 < (report.quarantined + report.rejected) / report.records < 0.015


def test_copies_come_within_a_file_and_from_file_to_file(base):
    folder, _ = base
    files_of, within = defaultdict(set), set()
    for name in content(folder):
        for record in read_file(folder / name):
            vote, reasons = cast(record) if isinstance(record, dict) else ({}, ["unreadable"])
            if not reasons:
                if name in files_of[vote["Id"]]:
                    within.add(vote["Id"])
                files_of[vote["Id"]].add(name)
    assert within
    assert any(len(names) > 1 for names in files_of.values())
    orders = {
        tuple(vote == votes[-1] for vote in votes)
        for votes in read_votes(folder).accepted.values()
        if len(votes) == 3
    }
    assert orders == {(True, False, True), (False, True, True)}


def test_weeks_have_a_rhythm_and_outliers(base):
    folder, _ = base
    days = [vote["CreationDate"].date() for vote in read_votes(folder).winners]
    weeks = Counter((day.year, int(day.strftime("%W"))) for day in days)
    outliers = [
        week for week, count in weeks.items() if abs(1 - count * len(weeks) / len(days)) > 0.2
    ]
    assert 30 < len(outliers) < len(weeks) - 30
    assert {(2019, 0), (2020, 0), (2021, 0), (2018, 53), (2019, 52), (2020, 52)} <= set(weeks)
    assert (2020, 32) not in weeks, "the week without votes"
    weekdays = Counter(day.weekday() for day in days)
    assert max(weekdays[5], weekdays[6]) < min(weekdays[day] for day in range(5))


def test_a_foreign_folder_is_refused(tmp_path):
    write_sample(tmp_path, 0.1)
    before = content(tmp_path)
    stranger = votes_in(tmp_path) / "votes.jsonl"
    stranger.write_text("mine")
    with pytest.raises(CasebookError, match=r"blog/votes/votes\.jsonl") as refusal:
        write_sample(tmp_path, 1)
    assert refusal.value.fix
    assert content(tmp_path) == before | {"blog/votes/votes.jsonl": b"mine"}
    with pytest.raises(CasebookError, match="is a file"):
        write_sample(stranger)


def test_what_a_killed_run_left_is_written_over(tmp_path):
    (votes_in(tmp_path) / "2018").mkdir(parents=True)
    (votes_in(tmp_path) / "2018" / ".votes_2018.jsonl.part").write_text("half")
    write_sample(tmp_path, 0.1)
    assert set(content(tmp_path)) == {name for source in SOURCES for name in source.FILES}


@pytest.mark.parametrize("scale", [0, -1, float("inf"), float("nan")])
def test_a_scale_without_records_is_refused(tmp_path, scale):
    with pytest.raises(CasebookError, match="scale"):
        write_sample(tmp_path, scale)


def test_progress_ends_with_all_records(tmp_path):
    calls = []
    report = write_sample(tmp_path, 20, progress=lambda done, total: calls.append((done, total)))
    records = sum(table.records for table in report.tables)
    assert report.table("blog.votes").records == 100_000
    assert calls[-1] == (records, records)
    assert calls == sorted(calls)
    assert len(calls) > 20, "nobody sees it move"


def test_clean_votes_have_the_size_that_was_asked_for(tmp_path):
    paths = [tmp_path / name / "votes.jsonl" for name in ("one", "two")]
    records = {write_votes(path, 6_000_000) for path in paths}
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert abs(paths[0].stat().st_size / 6_000_000 - 1) < 0.01
    found = read_votes(paths[0].parent)
    assert records == {found.records}
    assert not found.quarantine_reasons
    assert not found.rejection_reasons
    assert found.losers(equal=True) == found.records // 200
    assert abs(found.losers(equal=False) - found.records // 200) <= 1


def test_one_more_day_follows_on(tmp_path):
    day = date(2023, 3, 1)
    first = write_votes(tmp_path / "1.jsonl", 1_000_000)
    history = read_votes(tmp_path)
    second = 1_000 + (199 - first) % 200  # so that the next day's first vote would be a copy
    third = 1_200
    write_votes_of_day(tmp_path / "2.jsonl", first=first, records=second, day=day)
    write_votes_of_day(tmp_path / "3.jsonl", first=first + second, records=third, day=day)
    both = read_votes(tmp_path)
    assert both.records == first + second + third
    assert not both.rejection_reasons
    copies = sum(number % 200 == 199 for number in range(both.records)) - 1
    assert both.losers(equal=True) == copies
    assert both.losers(equal=False) == sum(number % 200 == 100 for number in range(both.records))
    new_ids = both.accepted.keys() - history.accepted.keys()
    assert min(new_ids) > max(history.accepted)
    assert {both.accepted[vote_id][-1]["CreationDate"].date() for vote_id in new_ids} == {day}
    changed = [
        vote_id
        for vote_id in history.accepted
        if both.accepted[vote_id][-1]["CreationDate"].date() == day
    ]
    assert len(changed) in range(10, 13), "a day changes votes of earlier files"
