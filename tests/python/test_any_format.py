"""Random tables in every format, plain or packed: what is landed is what was written."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import json
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import duckdb
import pytest
from casebook.readers.archives import zstd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loading import COLUMNS, SOURCES, Workshop, lines

Row = tuple[str | None, ...]
MARKS = "\"',;\t|\n\r\0\\{ é😀\ufeff\u2028#"
WORDS = ['""', "\r\n", "}]", "[1]", "null", "NA", "1e3", "-0", "9" * 40, "\\u00e9", "--"]
AWKWARD = st.sampled_from([*MARKS, *WORDS])
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
    texts = [json.dumps(o, ensure_ascii=ascii_only) for o in objects(rows, draw(st.booleans()))]
    return (end.join(texts) + (end if draw(st.booleans()) else "")).encode()


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


def quoted(names: Sequence[str]) -> str:
    return ", ".join('"' + name.replace('"', '""') + '" varchar' for name in names)


def write_parquet(path: Path, rows: Sequence[Row], names: Sequence[str] = COLUMNS) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"create table t ({quoted(names)})")
        if rows:
            marks = ", ".join("?" * len(names))
            connection.executemany(f"insert into t values ({marks})", rows)
        connection.execute(f"copy t to '{path}' (format parquet)")


def write_sqlite(path: Path, rows: Sequence[Row], names: Sequence[str] = COLUMNS) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"create table orders ({quoted(names)})")
        marks = ", ".join("?" * len(names))
        database.executemany(f"insert into orders values ({marks})", rows)
        database.commit()


def write_csv(path: Path, rows: Sequence[Row], names: Sequence[str]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([names, *rows])


def write_lines(path: Path, rows: Sequence[Row], names: Sequence[str]) -> None:
    path.write_bytes(lines(*(dict(zip(names, row, strict=True)) for row in rows)))


def write_array(path: Path, rows: Sequence[Row], names: Sequence[str]) -> None:
    path.write_text(json.dumps([dict(zip(names, row, strict=True)) for row in rows]))


FORMS: dict[str, tuple[str, str, Callable[[Path, Sequence[Row], Sequence[str]], None]]] = {
    "csv": ("a.csv", "a.csv", write_csv),
    "lines": ("a.jsonl", "a.jsonl", write_lines),
    "array": ("a.json", "a.json", write_array),
    "parquet": ("a.parquet", "a.parquet", write_parquet),
    "sqlite": ("a.db", "a.db#orders", write_sqlite),
}
ODD_NAME = """it's "x", ou `é`: {z}"""


def load_table(shop: Workshop, form: str, names: Sequence[str], *rows: Row) -> str:
    """Load a table of these columns and rows in a format; gives its name in the ledger."""
    file, name, write = FORMS[form]
    write(shop.folder / file, rows, names)
    shop.load()
    return name


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("columns", "value", "ignored"),
    [
        (["Amount", "amount_"], "0", ["amount_"]),
        (["AMOUNT"], "0", []),
        (["tOTAL"], "0", []),
        (["Sum due"], "0", []),
        (["Total", "aMOUNT"], "1", ["Total"]),
        (["sum due", "total"], "1", ["sum due"]),
        ([ODD_NAME], None, [ODD_NAME]),
        (["c0", "n", "file", "filename", "file_row_number"], None, "all"),
    ],
)
def test_columns_match_by_name_then_by_alias(
    tmp_path: Path, form: str, columns: list[str], value: str | None, ignored: list[str] | str
) -> None:
    shop = Workshop(tmp_path)
    name = load_table(shop, form, ["iD", *columns], ("7", *map(str, range(len(columns)))))
    assert shop.landed(name) == [(1, "7", value, None)]
    assert shop.entry(name).columns_ignored == (sorted(columns) if ignored == "all" else ignored)
    assert shop.went_fast(name)


@pytest.mark.parametrize(
    ("form", "bad"), [*((f, b"") for f in FORMS), ("csv", b"1"), ("lines", b"{")]
)
def test_column_names_are_only_names(tmp_path: Path, form: str, bad: bytes) -> None:
    shop = Workshop(tmp_path)
    shop.declare(SOURCES + f"          - name: {json.dumps(ODD_NAME)}\n")
    name = load_table(shop, form, ["Id", ODD_NAME], ("1", "v"))
    if bad:
        path = shop.folder / name
        shop.load_one(path.read_bytes() + bad, name)
        assert len(shop.quarantine(name)) == 1
    path = shop.settings.lake / str(shop.entry(name).landed_file)
    column = ODD_NAME.replace('"', '""')
    assert duckdb.execute(f"select \"{column}\" from '{path}'").fetchall() == [("v",)]


@pytest.mark.parametrize("form", FORMS)
def test_a_file_without_a_required_column_is_refused(tmp_path: Path, form: str) -> None:
    shop = Workshop(tmp_path)
    entry = shop.entry(load_table(shop, form, ["Amount", "Nr"], ("1", "2")))
    assert entry.state == "refused"
    assert entry.refusal == "lacks the required column Id; it has: Amount, Nr"


@pytest.mark.parametrize("form", FORMS)
def test_a_table_without_rows_is_a_delivery_of_no_records(tmp_path: Path, form: str) -> None:
    shop = Workshop(tmp_path)
    name = load_table(shop, form, COLUMNS)
    assert (shop.entry(name).state, shop.entry(name).records) == ("new", 0)
    assert shop.landed(name) == []


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
    texts, whole = [], []
    for number, (value, how) in enumerate(zip(objects(rows, False), damage, strict=False), 1):
        line = json.dumps(value, ensure_ascii=False).encode()
        how = "no colon" if array and how == "cut" else how
        texts.append(DAMAGE[how](line) if how else line)
        whole += [] if how else [(number, *rows[number - 1])]
    content = b"[" + b",\n".join(texts) + b"]" if array else b"\n".join(texts)
    name = f"{next(NUMBERS)}.json{'' if array else 'l'}{packed}"
    (shop.folder / name).write_bytes(pack(content, packed))
    shop.load()
    entry = shop.entry(name)
    assert entry.refusal is None, entry.refusal
    assert sorted(shop.landed(name)) == whole
    assert entry.records == len(texts)
    assert [(row[0], row[4]) for row in shop.quarantine(name)] == [
        (number, line)
        for number, (line, how) in enumerate(zip(texts, damage, strict=False), 1)
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
