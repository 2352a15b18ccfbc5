"""Random tables in every format, plain or packed: what is landed is what was written."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import json
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest
from casebook.readers.archives import zstd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loading import COLUMNS, Workshop

Row = tuple[str | None, ...]
AWKWARD = st.sampled_from(
    [
        '"',
        '""',
        "'",
        ",",
        ";",
        "\t",
        "|",
        "\n",
        "\r\n",
        "\r",
        "\0",
        "\\",
        "{",
        "}]",
        "[1]",
        " ",
        "é",
        "😀",
        "\ufeff",
        "\u2028",
        "null",
        "NA",
        "1e3",
        "-0",
        "9" * 40,
        "\\u00e9",
        "#",
        "--",
    ]
)
TEXT = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.lists(AWKWARD, max_size=6).map("".join),
    st.builds(lambda text, times: text * times, AWKWARD, st.sampled_from([500, 20_000])),
)
ROWS = st.lists(st.tuples(*(st.one_of(st.none(), TEXT) for _ in COLUMNS)), max_size=12)
PACKED = st.sampled_from(["", ".gz", ".zst"])
NUMBERS = itertools.count()


def pack(content: bytes, packed: str) -> bytes:
    if packed == ".gz":
        half = len(content) // 2
        return gzip.compress(content[:half]) + gzip.compress(content[half:])
    return zstd.compress(content) if packed else content


def objects(rows: list[Row], drop: bool) -> Iterator[dict[str, str | None]]:
    """Rows as JSON objects; of nulls every second is a missing key."""
    for row in rows:
        pairs = zip(COLUMNS, row, strict=True)
        yield {k: v for n, (k, v) in enumerate(pairs) if v is not None or n == 0 or not drop}


def json_lines(rows: list[Row], draw: Callable) -> bytes:
    ascii_only, end = draw(st.booleans()), draw(st.sampled_from(["\n", "\r\n", "\n\n"]))
    lines = [json.dumps(o, ensure_ascii=ascii_only) for o in objects(rows, draw(st.booleans()))]
    return (end.join(lines) + (end if draw(st.booleans()) else "")).encode()


def json_array(rows: list[Row], draw: Callable) -> bytes:
    indent = draw(st.sampled_from([None, 0, 2]))
    values = list(objects(rows, draw(st.booleans())))
    return json.dumps(values, indent=indent, ensure_ascii=draw(st.booleans())).encode()


def delimited(rows: list[Row], draw: Callable) -> bytes:
    delimiter, end = draw(st.sampled_from(",;\t|")), draw(st.sampled_from(["\n", "\r\n"]))
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    if any("\r" in (value or "") for row in rows for value in row):
        quoting = csv.QUOTE_ALL  # Python leaves it bare before a plain LF, where it ends the line
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=quoting)
    writer.writerow(COLUMNS)
    writer.writerows([value if value is not None else "" for value in row] for row in rows)
    text = out.getvalue()
    if draw(st.booleans()):
        text = text.removesuffix(end)
    return (b"\xef\xbb\xbf" if draw(st.booleans()) else b"") + text.encode()


WRITERS = {".jsonl": json_lines, ".json": json_array, ".csv": delimited, ".txt": delimited}


def write_parquet(path: Path, rows: list[Row]) -> None:
    names = ", ".join(f"{name} varchar" for name in COLUMNS)
    with duckdb.connect() as connection:
        connection.execute(f"create table t ({names})")
        if rows:
            connection.executemany("insert into t values (?, ?, ?)", rows)
        connection.execute(f"copy t to '{path}' (format parquet)")


def write_sqlite(path: Path, rows: list[Row]) -> None:
    database = sqlite3.connect(path)
    database.execute(f"create table orders ({', '.join(f'{name} text' for name in COLUMNS)})")
    database.executemany("insert into orders values (?, ?, ?)", rows)
    database.commit()
    database.close()


@pytest.fixture(scope="module")
def shop() -> Iterator[Workshop]:
    with tempfile.TemporaryDirectory() as folder:
        yield Workshop(Path(folder))


def land(shop: Workshop, name: str, content: bytes | None, member: str = "") -> list[Row]:
    """Load one file; every record of it lands, under its own number."""
    if content is not None:
        (shop.folder / name).write_bytes(content)
    shop.load()
    entry = shop.entry(name + member)
    assert entry.refusal is None, entry.refusal
    assert (entry.quarantined, entry.records) == (0, entry.landed), shop.quarantine(name + member)
    landed = shop.landed(name + member)
    (shop.folder / name).unlink()
    assert sorted(number for number, *_ in landed) == list(range(1, entry.landed + 1))
    return [tuple(values) for _, *values in sorted(landed)]


RANDOM = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@RANDOM
@given(rows=ROWS, extension=st.sampled_from(sorted(WRITERS)), packed=PACKED, data=st.data())
def test_text_formats_land_what_was_written(
    shop: Workshop, rows: list[Row], extension: str, packed: str, data: st.DataObject
) -> None:
    content = WRITERS[extension](rows, data.draw)
    name = f"{next(NUMBERS)}{extension}{packed}"
    landed = land(shop, name, pack(content, packed))
    if WRITERS[extension] is delimited:
        rows = [tuple(value or None for value in row) for row in rows]
    assert landed == rows


@settings(RANDOM, max_examples=25)
@given(rows=ROWS)
def test_parquet_lands_what_was_written(shop: Workshop, rows: list[Row]) -> None:
    name = f"{next(NUMBERS)}.parquet"
    write_parquet(shop.folder / name, rows)
    assert land(shop, name, None) == rows


@settings(RANDOM, max_examples=25)
@given(rows=ROWS)
def test_sqlite_lands_what_was_written(shop: Workshop, rows: list[Row]) -> None:
    name = f"{next(NUMBERS)}.db"
    write_sqlite(shop.folder / name, rows)
    assert land(shop, name, None, "#orders") == rows


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda line: line[: len(line) // 2],
    "bad byte": lambda line: line[:3] + b"\xff" + line[3:],
    "no colon": lambda line: line.replace(b":", b";", 1),
    "another value": lambda line: b"17",
}


@RANDOM
@given(
    rows=ROWS.filter(bool),
    damage=st.lists(st.sampled_from([None, *DAMAGE]), min_size=12, max_size=12),
    packed=PACKED,
    array=st.booleans(),
)
def test_damaged_json_loses_nothing_else(
    shop: Workshop, rows: list[Row], damage: list[str | None], packed: str, array: bool
) -> None:
    """Arrays are damaged in ways that leave their own brackets and quotes whole."""
    lines, whole = [], []
    for number, (value, how) in enumerate(zip(objects(rows, False), damage, strict=False), 1):
        line = json.dumps(value, ensure_ascii=False).encode()
        how = "no colon" if array and how == "cut" else how
        lines.append(DAMAGE[how](line) if how else line)
        whole += [] if how else [(number, *rows[number - 1])]
    content = b"[" + b",\n".join(lines) + b"]" if array else b"\n".join(lines)
    name = f"{next(NUMBERS)}.json{'' if array else 'l'}{packed}"
    (shop.folder / name).write_bytes(pack(content, packed))
    shop.load()
    entry = shop.entry(name)
    assert entry.refusal is None, entry.refusal
    assert sorted(shop.landed(name)) == whole
    assert entry.records == len(lines)
    assert [(row[0], row[4]) for row in shop.quarantine(name)] == [
        (number, line)
        for number, (line, how) in enumerate(zip(lines, damage, strict=False), 1)
        if how
    ]
    (shop.folder / name).unlink()


@pytest.mark.parametrize("before", ["", "x", "xx"])
@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv"])
def test_a_bad_line_whose_excerpt_ends_within_a_character_is_quarantined(
    tmp_path: Path, name: str, before: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DuckDB shows 10,000 bytes of a line that it cannot read, and may cut a character."""
    shop = Workshop(tmp_path)
    monkeypatch.setattr("casebook.readers.delimited.LARGE_FILE", 0)
    monkeypatch.setattr("casebook.readers.json_files.SMALL_FILE", 0)
    long = (before + "語" * 4_000).encode()
    if name == "a.csv":
        content = b"Id,Amount,Note\n1,2,a\n2," + long + b"\n3,4,\xff" + long + b"\n5,6,b\n"
    else:
        rows = [
            b'{"Id": 1}',
            b'{"Id": "' + long + b"]",
            b'{"Id": "\xff' + long + b'"}',
            b'{"Id": 5}',
        ]
        content = b"\n".join(rows) + b"\n" if name == "a.jsonl" else b"[" + b",\n".join(rows) + b"]"

    entry = shop.load_one(content, name)

    assert [row[1] for row in shop.landed(name)] == ["1", "5"]
    assert entry.quarantined == 2
