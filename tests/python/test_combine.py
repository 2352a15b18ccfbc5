"""`casebook combine`: which files become which outputs, in which order, and what is kept out."""

from __future__ import annotations

import base64
import fcntl
import gzip
import os
import subprocess
import sys
import zlib
from pathlib import Path

import combine_model
import duckdb
import pytest
from casebook.combine.run import combine
from casebook.errors import CasebookError
from combining import Kitchen
from sample.write import write_sample

HOME = ".casebook-combine"


@pytest.fixture
def kitchen(tmp_path: Path) -> Kitchen:
    return Kitchen(tmp_path)


def fill(kitchen: Kitchen) -> None:
    """Files of every format in two subfolders."""
    kitchen.write("shop/b.jsonl", '{"id": 3}\n\n{"id": 4}')
    kitchen.write("shop/a.csv", "id,t\n1,x\n2,\n")
    kitchen.write("shop/a.CSV.gz", "id;t\n0;y\n")
    kitchen.write("shop/c/d/x.ndjson.zst", '{"id": 6, "nested": {"a": [1.50]}}')
    kitchen.write("shop/c/a.json", '[\n  {"id": 5}\n]\n')
    kitchen.write("shop/é.tsv", "id\tt\n7\tz\n")
    kitchen.write("log é/1.json", '{"at": "2022"}\n')
    kitchen.write("log é/.hidden", "\0")


def test_the_files_of_each_subfolder_become_one_output_in_the_order_of_their_names(kitchen) -> None:
    fill(kitchen)
    kitchen.write("beside.csv", "a\n1\n")
    (kitchen.raw / ".git").mkdir()
    report = kitchen.combine()
    assert report.exit_status == 0
    assert kitchen.lines("shop") == [
        '{"id":0,"t":"y"}',
        '{"id":1,"t":"x"}',
        '{"id":2,"t":null}',
        '{"id": 3}',
        '{"id": 4}',
        '{"id": 5}',
        '{"id": 6, "nested": {"a": [1.50]}}',
        '{"id":7,"t":"z"}',
    ]
    assert kitchen.lines("log é") == ['{"at": "2022"}']
    assert set(kitchen.outputs()) == {"shop.json.gz", "log é.json.gz"}
    assert {name: kitchen.records(name) for name in ("shop", "log é")} == combine_model.combine(
        kitchen.raw
    )
    counts = [(done.subfolder, done.files, done.records, done.rejected) for done in report.combined]
    assert counts == [("log é", 1, 1, 0), ("shop", 6, 8, 0)]
    for done in report.combined:
        size = (kitchen.out / f"{done.subfolder}.json.gz").stat().st_size
        assert done.size_bytes == size
    assert report.left_alone == [".git", "beside.csv", "log é/.hidden"]


EMPTY = {
    "nothing.csv": b"",
    "blank.csv": b"\n\r\n\n",
    "mark.csv": b"\xef\xbb\xbf",
    "header.csv": b"a,b\n",
    "half a header.csv": b"a,b",
    "nothing.jsonl": b"",
    "blank.jsonl": b"\n \t\n\r\n",
    "nothing.json": b"",
    "mark.json": b"\xef\xbb\xbf",
    "array.json": b"[]",
    "open array.json": b" [ \n ]\n",
    "nothing.csv.gz": b"",
    "array.json.zst": b"[]",
}


@pytest.mark.parametrize("name", EMPTY)
def test_what_holds_no_record_gives_none(kitchen, name) -> None:
    assert kitchen.one(name, EMPTY[name]) == []
    kitchen.write("one/~.csv", "a\n1\n")
    kitchen.combine()
    assert kitchen.lines("one") == ['{"a":1}']


def test_it_takes_for_records_what_the_loader_does(kitchen) -> None:
    planted = write_sample(kitchen.root / "sample")
    compared = 0
    for name, table in planted.tables.items():
        source, _, subfolder = name.partition(".")
        folder, counts = planted.folder / source / subfolder, table.counts
        # A database delivers tables, too, and combine takes folders.
        if sum(one.is_file() for one in folder.rglob("*")) != counts["files"]:
            continue
        report = combine(planted.folder / source, kitchen.root / source, skip_bad=True)
        found = {done.subfolder: done for done in report.combined}[subfolder]
        assert (found.files, found.rejected) == (counts["files"], counts["quarantined"])
        assert found.records == counts["records"] - counts["quarantined"]
        compared += 1
    assert compared >= 9


def test_an_empty_subfolder_has_an_empty_output(kitchen) -> None:
    (kitchen.raw / "one" / "deeper").mkdir(parents=True)
    assert kitchen.combine().combined[0].files == 0
    assert kitchen.text("one") == ""


BAD = {
    "fields.csv": (b"a,b\n1,2\n\n3,4,5\n6,7\n", 2, 4, "wrong_field_count", b"3,4,5"),
    "open.csv": (b'a,b\n1,2\n3,"4\n6,7\n', 2, 3, "unclosed_quote", b'3,"4'),
    "after.csv": (b'a,b\n"x\ny",2\n"3"x,4\n6,7', 2, 4, "text_after_quote", b'"3"x,4'),
    "bytes.csv": (b"a,b\n1,2\r\n3,\xff\r\n6,7", 2, 3, "bad_bytes", b"3,\xff"),
    "half.jsonl": (b'{"a":1}\n\n{"a":\n{"a":2}\n', 2, 3, "not_json", b'{"a":'),
    "two.jsonl": (b'{"a":1}\n{"a":1},{"a":3}\n{"a":2}', 2, 2, "not_json", b'{"a":1},{"a":3}'),
    "bytes.jsonl": (b'{"a":1}\n{"a":"\xc3"}\n{"a":2}', 2, 2, "bad_bytes", b'{"a":"\xc3"}'),
    "value.jsonl": (b'{"a":1}\n[{"a":3}]\n{"a":2}', 2, 2, "not_an_object", b'[{"a":3}]'),
    "half pair.jsonl": (b'{"a":1}\n{"a":"\\ud83d"}\n{"a":2}', 2, 2, "not_json", b'{"a":"\\ud83d"}'),
    "quotes.json": (b'[{"a":1},\n{\'a\':1},{"a":2}]', 2, 2, "not_json", b"{'a':1}"),
    "number.json": (b'[{"a":1},\n7,{"a":2}]', 2, 2, "not_an_object", b"7"),
    "control.json.gz": (b'[{"a":1},{"a":"\t"},{"a":2}]', 2, 1, "not_json", b'{"a":"\t"}'),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_record_stops_its_subfolder_and_leaves_no_output(kitchen, name) -> None:
    content, record, line, reason, _ = BAD[name]
    kitchen.write("one/zz.csv", "a\n1\n")
    kitchen.write("other/a.csv", "a\n1\n")
    assert kitchen.combine().exit_status == 0
    kitchen.write(f"one/{name}", content)
    report = kitchen.combine()
    assert report.exit_status == 1
    (failure,) = map(str, report.failures)
    place = kitchen.raw / "one" / name
    assert failure.startswith(f"{place}: record {record}: line {line}: {reason}: ")
    assert "--skip-bad" in failure
    assert set(kitchen.outputs()) == {"other.json.gz"}
    assert [done.subfolder for done in report.combined] == ["other"]


@pytest.mark.parametrize("name", BAD)
def test_bad_records_go_elsewhere_if_they_are_to_be_skipped(kitchen, name) -> None:
    content, record, line, reason, raw = BAD[name]
    path = kitchen.write(f"one/{name}", content)
    report = kitchen.combine(skip_bad=True)
    assert report.exit_status == 0
    assert (report.combined[0].records, report.combined[0].rejected) == (2, 1)
    assert len(kitchen.lines("one")) == 2
    (rejected,) = kitchen.rejected("one")
    text = raw.decode("utf-8", "backslashreplace")
    is_text = text.encode() == raw
    assert rejected.pop("message")
    assert rejected == {
        "source_file": f"one/{name}",
        "record": record,
        "first_line": line,
        "reason_code": reason,
        "raw_text": text,
        "raw_bytes": None if is_text else base64.b64encode(raw).decode(),
    }
    path.unlink()
    kitchen.write("one/a.csv", "a\n1\n")
    kitchen.combine()
    assert set(kitchen.outputs()) == {"one.json.gz"}


def test_what_is_left_of_a_broken_array_is_one_bad_record(kitchen) -> None:
    failure = kitchen.failure("a.json", '[{"a":1}]\n{"a":2}')
    assert "record 2: line 2: broken_array: text after the array's closing ]" in failure
    assert kitchen.one("a.json", '[{"a":1}]\n{"a":2}', skip_bad=True) == ['{"a":1}']
    assert kitchen.rejected("one")[0]["raw_text"] == '{"a":2}'


def test_of_several_bad_records_the_first_in_file_order_is_named(kitchen) -> None:
    for name in "abcdef":
        kitchen.write(f"one/{name}.csv", "x,y\n" + "1,2\n" * 5000 + "bad\n" * (name > "b") + "3\n")
    (kitchen.raw / "one" / "a.csv").write_text("x,y\n1,2\n" * 50_000)
    for workers in (0, 1, 2, 3):
        (failure,) = map(str, kitchen.combine(workers=workers).failures)
        assert "one/b.csv: record 5001: line 5002: wrong_field_count" in failure


REFUSED = {
    "a.docx": (b"x", "no reader for .docx"),
    "README": (b"x", "no reader for a file without an extension"),
    "a.parquet": (b"PAR1", "neither delimited text nor JSON, but parquet"),
    "a.db": (b"SQLite format 3\0", "neither delimited text nor JSON, but sqlite"),
    "a.csv.zip": (b"PK", "no reader for .zip"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_of_another_kind_stops_its_subfolder(kitchen, name) -> None:
    content, reason = REFUSED[name]
    kitchen.write("one/a.csv", "a\n1\n")
    kitchen.combine()
    failure = kitchen.failure(name, content, skip_bad=True)
    assert f"one/{name}: {reason}" in failure
    assert "Fix:" in failure


@pytest.mark.parametrize("name", ["a.csv.gz", "a.json.gz", "a.jsonl.zst"])
def test_an_archive_that_breaks_off_stops_its_subfolder(kitchen, name) -> None:
    path = kitchen.write(f"one/{name}", b'{"a": 1}\n' * 5000)
    path.write_bytes(path.read_bytes()[:-12])
    (failure,) = map(str, kitchen.combine(skip_bad=True).failures)
    assert f"{name}: the archive " in failure
    path.write_bytes(b"no archive")
    (failure,) = map(str, kitchen.combine(skip_bad=True).failures)
    assert f"{name}: the archive is damaged" in failure


def test_links_that_lead_out_and_what_is_no_file_stop_their_subfolder(kitchen) -> None:
    kitchen.write("linked/a.csv", "a\n1\n")
    (kitchen.raw / "linked" / "b.csv").symlink_to(kitchen.raw / "linked" / "a.csv")
    outside = kitchen.root / "outside.csv"
    outside.write_text("a\n1\n")
    (kitchen.raw / "out").mkdir()
    (kitchen.raw / "out" / "a.csv").symlink_to(outside)
    (kitchen.raw / "pipe").mkdir()
    os.mkfifo(kitchen.raw / "pipe" / "a.csv")
    (kitchen.raw / "round" / "x").mkdir(parents=True)
    (kitchen.raw / "round" / "x" / "y").symlink_to(kitchen.raw / "round")
    report = kitchen.combine()
    assert [done.subfolder for done in report.combined] == ["linked"]
    assert kitchen.lines("linked") == ['{"a":1}'] * 2
    reasons = [failure.reason for failure in report.failures]
    assert reasons == [
        "cannot be read: a symbolic link that leads out of the raw folder",
        "cannot be read: not a regular file",
        "cannot be read: not a regular file",
    ]


def test_subfolders_after_which_no_file_can_be_named(kitchen) -> None:
    kitchen.write("x" * 241 + "/a.csv", "a\n1\n")
    kitchen.write("good/a.csv", "a\n1\n")
    report = kitchen.combine()
    assert [done.subfolder for done in report.combined] == ["good"]
    (failure,) = report.failures
    assert failure.reason == "its output cannot be written: File name too long"


def many(kitchen: Kitchen) -> None:
    """Files that make more than a piece of what is compressed at once."""
    kitchen.write("one/a.csv", "a,b\n" + "".join(f"{n},{'x' * (n % 50)}\n" for n in range(30_000)))
    kitchen.write("one/b.jsonl", "".join(f'{{"n": {n}}}\n' for n in range(30_000)))
    kitchen.write("two/a.csv", "a,b\n1,2\n3\n")
    kitchen.write("two/b.csv", "a,b\n" * 9)


def test_the_same_bytes_come_of_the_same_files_whoever_reads_them(kitchen) -> None:
    many(kitchen)
    kitchen.combine(skip_bad=True)
    outputs = kitchen.outputs()
    assert set(outputs) == {"one.json.gz", "two.json.gz", "two.rejected.jsonl"}
    for workers in (1, 2, 3):
        kitchen.combine(skip_bad=True, workers=workers)
        assert kitchen.outputs() == outputs
    # Nor do they depend on how the files are packed.
    path = kitchen.raw / "one" / "b.jsonl"
    kitchen.write("one/b.jsonl.gz", path.read_bytes())
    path.unlink()
    kitchen.out.rename(kitchen.root / "elsewhere")
    kitchen.combine(skip_bad=True)
    assert kitchen.outputs() == outputs


def test_an_output_is_one_gzip_stream_without_a_time(kitchen) -> None:
    many(kitchen)
    kitchen.combine(skip_bad=True)
    content = (kitchen.out / "one.json.gz").read_bytes()
    assert content[4:10] == b"\0\0\0\0\0\xff"
    stream = zlib.decompressobj(16 + zlib.MAX_WBITS)
    text = stream.decompress(content)
    assert stream.eof and not stream.unused_data
    assert text == gzip.decompress(content)
    assert text.count(b"\n") == 60_000
    # DuckDB takes no archive with a comment.
    read = f"from read_json('{kitchen.out}/one.json.gz', format = 'newline_delimited')"
    assert duckdb.execute(f"select count(*) {read}").fetchall() == [(60_000,)]


def test_outputs_of_subfolders_that_are_gone_are_removed_and_nothing_else_is(kitchen) -> None:
    kitchen.write("one/a.csv", "a\n1\n")
    kitchen.write("two/a.csv", "a,b\n1,2\n1\n")
    kitchen.out.mkdir()
    for name in ("mine.json.gz", "two.csv", "mine.rejected.jsonl"):
        (kitchen.out / name).write_text("mine")
    kitchen.combine(skip_bad=True)
    assert len(kitchen.outputs()) == 6
    (kitchen.raw / "two" / "a.csv").unlink()
    (kitchen.raw / "two").rmdir()
    assert kitchen.combine().removed == ["two.json.gz", "two.rejected.jsonl"]
    assert set(kitchen.outputs()) == {
        "one.json.gz",
        "mine.json.gz",
        "two.csv",
        "mine.rejected.jsonl",
    }
    assert kitchen.combine().removed == []


@pytest.mark.parametrize("name", ["one.json.gz", "one.rejected.jsonl"])
def test_a_file_that_combine_has_not_written_is_not_written_over(kitchen, name) -> None:
    kitchen.write("one/a.csv", "a,b\n1,2\n")
    kitchen.write("two/a.csv", "a\n1\n")
    kitchen.out.mkdir()
    (kitchen.out / name).write_text("mine")
    for skip_bad in (False, True):
        report = kitchen.combine(skip_bad=skip_bad)
        (failure,) = map(str, report.failures)
        assert f"{kitchen.out / name}: combine has not written this file" in failure
        assert (kitchen.out / name).read_text() == "mine"
        assert set(kitchen.outputs()) == {name, "two.json.gz"}


def test_folders_that_cannot_be_combined(kitchen) -> None:
    def failure(**options: bool) -> str:
        with pytest.raises(CasebookError) as error:
            kitchen.combine(**options)
        assert "\nFix: " in str(error.value)
        return error.value.reason

    assert failure() == "the folder cannot be listed: No such file or directory"
    kitchen.raw.mkdir()
    kitchen.write("a.csv", "a\n1\n")
    assert failure() == "it has no subfolders"
    kitchen.write("one/a.csv", "a\n1\n")
    for out in (kitchen.raw, kitchen.raw / "one", kitchen.raw / "new" / "er"):
        with pytest.raises(CasebookError, match="outputs would lie among the raw files"):
            combine(kitchen.raw, out)
    assert {path.name for path in kitchen.raw.rglob("*")} == {"a.csv", "one"}
    kitchen.out.write_text("a file")
    assert failure() == "it cannot be written to: Not a directory"


def test_a_folder_of_outputs_belongs_to_one_raw_folder_and_one_combine_at_a_time(kitchen) -> None:
    kitchen.write("one/a.csv", "a\n1\n")
    kitchen.combine()
    outputs = kitchen.outputs()
    with (kitchen.out / HOME / "raw").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(CasebookError, match="another `casebook combine` writes there now"):
            kitchen.combine()
    other = Kitchen(kitchen.root / "other")
    other.write("two/a.csv", "a\n1\n")
    with pytest.raises(CasebookError, match="it holds what was combined from"):
        combine(other.raw, kitchen.out)
    assert kitchen.outputs() == outputs


def test_progress_ends_with_all_bytes(kitchen) -> None:
    many(kitchen)
    kitchen.write("one/c.csv.gz", "a\n" + "1\n" * 100_000)
    for workers in (0, 2):
        seen: list[tuple[int, int]] = []
        kitchen.combine(
            skip_bad=True, workers=workers, progress=lambda *now, seen=seen: seen.append(now)
        )
        total = sum(path.stat().st_size for path in kitchen.raw.rglob("*.*"))
        assert seen[-1] == (total, total)
        assert seen == sorted(seen)


PEAK = """
import resource, sys
from casebook.combine.convert import convert
done = convert(*sys.argv[1:], False)
print(done.records, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.json"])
def test_memory_does_not_grow_with_the_file(kitchen, name) -> None:
    def peak(size: int) -> int:
        row = "12345,some text,2022-01-02\n"
        if name != "a.csv":
            row = '{"a": 12345, "b": "some text", "c": "2022-01-02"}'
            row += "\n" if name == "a.jsonl" else ",\n"
        count = size // len(row)
        text = row * count
        if name == "a.csv":
            text = "a,b,c\n" + text
        if name == "a.json":
            text = f"[{text[:-2]}]"
        path = kitchen.write(name, text)
        done = subprocess.run(
            [sys.executable, "-c", PEAK, str(kitchen.raw), str(path), f"{kitchen.root}/{size}"],
            capture_output=True,
            text=True,
            check=True,
        )
        records, peak = map(int, done.stdout.split())
        assert records == count
        return peak

    assert peak(12_000_000) < 1.1 * peak(3_000_000)


def test_a_full_disk_is_an_error_and_leaves_no_output(kitchen) -> None:
    kitchen.write("one/a.csv", "a,b\n" + "".join(f"{n * n},{n}\n" for n in range(50_000)))
    code = f"""
import resource
from pathlib import Path
from casebook.combine.run import combine
resource.setrlimit(resource.RLIMIT_FSIZE, ({100_000}, {100_000}))
print(*combine(Path({str(kitchen.raw)!r}), Path({str(kitchen.out)!r})).failures)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "one/a.csv: what was read of it cannot be written: File too large" in done.stdout
    assert kitchen.outputs() == {}
    assert kitchen.combine().exit_status == 0
    assert len(kitchen.lines("one")) == 50_000


def test_nothing_is_left_of_the_work(kitchen) -> None:
    many(kitchen)
    kitchen.combine()
    kitchen.combine(skip_bad=True, workers=2)
    left = {path.name for path in (kitchen.out / HOME).rglob("*")}
    assert left == {"raw"}
