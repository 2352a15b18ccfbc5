"""The lake's layout, its ledger and its locks."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import duckdb
import pytest
from casebook.errors import CasebookError
from casebook.files import write_json
from casebook.lake.layout import ENTRY, OLD_ENTRY, Lake, decode, encode, fits, landed_name
from casebook.lake.ledger import LedgerEntry
from casebook.lake.quarantine import Quarantine
from casebook.settings import MARK
from hypothesis import given, settings
from hypothesis import strategies as st
from loading import Workshop

NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1)
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)


def entry(source_file: str = "s/t/a.jsonl", **more: object) -> LedgerEntry:
    return LedgerEntry(
        source_file=source_file,
        source_name="s",
        table_name="t",
        format="json_lines",
        size_bytes=1,
        modified_ns=2,
        file_hash="ab",
        declaration="cd",
        state="new",
        **more,
    )


@given(PATHS)
def test_decode_is_the_inverse_of_encode(path: str) -> None:
    assert decode(encode(path)) == path


@settings(deadline=None, max_examples=50)
@given(PATHS)
def test_duckdb_decodes_what_encode_wrote(path: str) -> None:
    assert duckdb.execute("select url_decode(?)", [encode(path)]).fetchall() == [(path,)]


@given(PATHS)
def test_encoded_names_mean_nothing_to_readers(path: str) -> None:
    for name in encode(path).split("/"):
        assert name[0] not in "_. "
        assert not set(name) & set("*?[]{}=%#'\"\\") - {"%"}


@given(st.binary(min_size=1).filter(lambda b: b"\0" not in b))
def test_names_that_are_not_utf8_can_be_encoded(raw: bytes) -> None:
    path = os.fsdecode(raw)
    assert os.fsencode(decode(encode(path))) == raw


def test_landed_names_have_one_length_sort_by_time_and_are_in_utc() -> None:
    at = datetime(2024, 2, 3, 4, 5, 6, 7, tzinfo=timezone(timedelta(hours=5)))
    names = [landed_name("f" * 64, at + timedelta(microseconds=n)) for n in (0, 1, 10**6)]
    assert names[0] == "f" * 64 + "-20240202T230506000007.parquet"
    assert {len(name) for name in names} == {94}
    assert names == sorted(names)


@pytest.mark.parametrize(
    ("path", "expected"),
    [("a" * 255, True), ("a" * 256, False), ("é" * 43, False), ("a/" * 1600 + "a", False)],
)
def test_a_path_fits_if_folders_can_be_named_after_it(path: str, expected: bool) -> None:
    assert fits(path) == expected


@pytest.mark.parametrize("name", ["a.jsonl", "é" * 200, "_x=1/.y", "a/" * 2000 + "a", "~ab"])
def test_an_entry_is_read_as_it_was_committed(tmp_path: Path, name: str) -> None:
    lake = Lake(tmp_path)
    written = entry(f"s/t/{name}", columns_ignored=["é", "\0"], replaced_files=[{"file": "x"}])
    assert lake.read_entry("s", "t", f"s/t/{name}") is None
    lake.commit(written)
    assert lake.read_entry("s", "t", f"s/t/{name}") == written
    assert lake.entries() == [written]


def test_entries_are_in_byte_order(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    names = ["s/t/B", "s/t/a", "s/t/a/b", "s/t/a.b", "s/t/é"]
    for name in names:
        if name != "s/t/a":
            lake.commit(entry(name))
    found = [e.source_file for e in lake.entries()]
    assert found == sorted(found, key=str.encode) and len(found) == 4


@pytest.mark.parametrize("content", ["", "{", "[]", '{"source_file": "x"}'])
def test_an_unknown_field_is_ignored_and_a_broken_entry_says_how_to_mend_it(
    tmp_path: Path, content: str
) -> None:
    lake = Lake(tmp_path)
    lake.commit(entry())
    path = lake.entry_path("s", "t", "s/t/a.jsonl")
    path.write_text(path.read_text().replace("{", '{"later": 1,', 1))
    assert lake.entries() == [entry()]
    path.write_text(content)
    with pytest.raises(CasebookError, match="run `casebook load`"):
        lake.entries()


def test_write_json_replaces_a_file_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.json"
    write_json(path, {"a": "é"})
    with pytest.raises(TypeError):
        write_json(path, {"a": "x" * 100_000, "b": object()})
    assert path.read_text() == '{\n "a": "\\u00e9"\n}'
    assert list(path.parent.iterdir()) == [path]


def test_a_lake_of_before_keeps_what_it_holds(tmp_path: Path) -> None:
    """Its entries had another name; one whose raw file is gone could not be made again."""
    shop = Workshop(tmp_path)
    before = shop.load_one(b'{"Id": "1"}\n')
    for path in list(shop.settings.lake.rglob(ENTRY)):
        path.rename(path.with_name(OLD_ENTRY))
    write_json(shop.settings.lake / MARK, {"raw": str(shop.settings.raw.resolve())})
    (shop.folder / "a.jsonl").unlink()
    shop.write("b.jsonl", b'{"Id": "2"}\n')
    shop.load()
    assert shop.entry().state == "gone"
    assert shop.entry().landed_file == before.landed_file
    assert [one.source_file for one in shop.lake.entries()] == [
        "shop/orders/a.jsonl",
        "shop/orders/b.jsonl",
    ]
    assert not list(shop.settings.lake.rglob(OLD_ENTRY))


def python(code: str, *arguments: object) -> subprocess.Popen:
    return subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import sys; from pathlib import Path\n{code}",
            *map(str, arguments),
        ],
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
        text=True,
    )


HOLD = """
from casebook.lake.layout import Lake
with Lake(Path(sys.argv[1])).file_lock(sys.argv[2]):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_the_lock_of_a_file_keeps_others_out_until_it_is_freed(tmp_path: Path) -> None:
    holder = python(HOLD, tmp_path, "a")
    assert holder.stdout.readline() == "held\n"
    other = python(HOLD, tmp_path, "b")
    assert other.stdout.readline() == "held\n"
    waiting = python(HOLD, tmp_path, "a")
    time.sleep(0.3)
    assert waiting.poll() is None
    holder.kill()
    assert waiting.stdout.readline() == "held\n"
    for process in (holder, other, waiting):
        process.communicate()


def test_the_workspace_is_gone_afterwards(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    with lake.workspace() as folder, lake.workspace() as another:
        assert folder != another
        (folder / "x").write_text("x")
        assert folder.is_dir() and another.is_dir()
    assert list((tmp_path / "_tmp").iterdir()) == []


def test_the_workspace_of_a_killed_loader_is_removed_and_of_a_living_one_kept(
    tmp_path: Path,
) -> None:
    work = """
from casebook.lake.layout import Lake
with Lake(Path(sys.argv[1])).workspace() as folder:
    print(folder, flush=True)
    sys.stdin.read()
"""
    killed, living = python(work, tmp_path), python(work, tmp_path)
    of_killed = Path(killed.stdout.readline().strip())
    of_living = Path(living.stdout.readline().strip())
    killed.kill()
    killed.communicate()
    assert of_killed.is_dir()
    Lake(tmp_path).remove_abandoned()
    assert not of_killed.exists()
    assert of_living.is_dir()
    living.communicate()


BYTES = st.lists(
    st.sampled_from([b"a", b"\n", b'"\\', "é€😀".encode(), b"\xed\xa0\x80", b"\xc0\x80", b"\xff"])
    | st.binary(max_size=3)
).map(b"".join)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.booleans(), BYTES), max_size=9))
def test_what_is_quarantined_keeps_its_bytes_and_its_place(rows: list[tuple[bool, bytes]]) -> None:
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
        quarantine = Quarantine(Path(folder) / "spool")
        connection.execute(
            "create table given (record int, first_line int, reason_code text, message text,"
            " raw blob)"
        )
        for number, (is_added, raw) in enumerate(rows, 1):
            row = (number, number + 1, "bad", "it's \n\"", raw)
            if is_added:
                quarantine.add(*row)
            else:
                connection.execute("insert into given values (?, ?, ?, ?, ?)", row)
        added = quarantine.add_query(connection, "from given order by record")
        target = Path(folder) / "rejected.parquet"
        assert quarantine.write(connection, target, "s/t/a", "hash") == len(rows)
        assert added == sum(not is_added for is_added, _ in rows)
        if rows:
            found = connection.execute(
                "select record, first_line, reason_code, message, raw_text, raw_bytes from"
                f" '{target}'"
            )
            assert found.fetchall() == [
                (n, n + 1, "bad", "it's \n\"", raw.decode("utf-8", "backslashreplace"), raw)
                for n, (_, raw) in enumerate(rows, 1)
            ]
        assert [path.name for path in Path(folder).iterdir()] == ["rejected.parquet"][: len(rows)]
