"""Parquet files: what lands as which text, what is quarantined, what is refused."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pytest
from casebook.lake.quarantine import Quarantine
from casebook.load.measure import measure
from casebook.readers import parquet_file
from casebook.readers.base import Raw, Workspace
from casebook.sources import Column, Table
from hypothesis import given, settings
from hypothesis import strategies as st
from loading import Workshop, lines
from loading import shop as shop

NAME = "a.parquet"


def deliver(shop: Workshop, query: str, name: str = NAME, options: str = "") -> Path:
    """Write what a query gives as a raw file."""
    path = shop.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    plain = shop.root / "plain.parquet"
    duckdb.execute(f"copy ({query}) to '{plain}' (format parquet{options})")
    plain.rename(path)
    return path


def records(path: Path) -> list[tuple[int, bytes]]:
    table = Table("shop", "orders", (Column("Id"),))
    return list(parquet_file.texts(Raw(path, None, table, lambda: measure(path, None))))


VALUES = [
    ("'it''s \"x\", é😀' || chr(10) || chr(0) || 'end'", 'it\'s "x", é😀\n\0end'),
    ("''", ""),
    ("null::varchar", None),
    ("9223372036854775807", "9223372036854775807"),
    ("-1::tinyint", "-1"),
    ("18446744073709551615::ubigint", "18446744073709551615"),
    ("0.1::double", "0.1"),
    ("0.30000000000000004::double", "0.30000000000000004"),
    ("0.1::float", "0.1"),
    ("'-inf'::double", "-inf"),
    ("1.50::decimal(18,2)", "1.50"),
    (
        "12345678901234567890123456789012345.678::decimal(38,3)",
        "12345678901234567890123456789012345.678",
    ),
    ("true", "true"),
    ("date '2024-02-29'", "2024-02-29"),
    ("timestamp '2024-02-29 12:34:56.789'", "2024-02-29 12:34:56.789"),
    ("timestamp_ns '2024-02-29 12:34:56.123456789'", "2024-02-29 12:34:56.123456789"),
    ("timestamptz '2024-02-29 12:00:00+02'", "2024-02-29 10:00:00+00"),
    ("time '12:34:56.7'", "12:34:56.7"),
    (
        "uuid '01234567-89ab-cdef-0123-456789abcdef'",
        "01234567-89ab-cdef-0123-456789abcdef",
    ),
    ("[1, null, 679644799952992890]", "[1,null,679644799952992890]"),
    ("{'a': 679644799952992890, 'b''c': 'é\"'}", '{"a":679644799952992890,"b\'c":"é\\""}'),
    ("map {'k': [1.5]}", '{"k":[1.5]}'),
    ("[{'id': 16, 'name': 'D''Pelicula'}]", '[{"id":16,"name":"D\'Pelicula"}]'),
    ('\'{"b": 1,  "b": 679644799952992890}\'::json', '{"b": 1,  "b": 679644799952992890}'),
    ("encode('é')", "é"),
    ("''::blob", ""),
    ("null::blob", None),
]


@pytest.mark.parametrize(("value", "text"), VALUES, ids=[value for value, _ in VALUES])
def test_a_value_lands_as_text_whatever_its_neighbours(
    shop: Workshop, value: str, text: str | None
) -> None:
    deliver(shop, f"select 1 as Id, {value} as Note", "clean.parquet")
    deliver(
        shop,
        f"select 1 as Id, {value} as Note, 'a'::blob as Amount"
        f" union all select 2, {value}, '\\xFF'::blob",
        "dirty.parquet",
    )
    shop.load()
    assert shop.landed("clean.parquet") == [(1, "1", None, text)]
    assert shop.landed("dirty.parquet") == [(1, "1", "a", text)]
    assert shop.went_fast("clean.parquet") and not shop.went_fast("dirty.parquet")
    assert shop.entry("clean.parquet").format == "parquet"


def test_huge_integers_land_with_all_digits(shop: Workshop) -> None:
    # DuckDB writes them as doubles; other writers use decimals.
    deliver(shop, "select 170141183460469231731687303715884105::decimal(38,0) as Id")
    shop.load()
    assert shop.landed(NAME)[0][1] == "170141183460469231731687303715884105"


def test_the_time_zone_of_the_machine_does_not_matter(shop: Workshop) -> None:
    deliver(shop, "select timestamptz '2024-01-01 00:00:00+00' as Id")
    code = (
        "import sys; from pathlib import Path; from casebook.load.run import load;"
        "from casebook.settings import Settings; root = Path(sys.argv[1]);"
        "load(Settings(root, root / 'raw', root / 'lake', root / 'w.db'))"
    )
    environment = {**os.environ, "TZ": "Asia/Tokyo"}
    subprocess.run([sys.executable, "-c", code, str(shop.root)], env=environment, check=True)
    assert shop.landed(NAME) == [(1, "2024-01-01 00:00:00+00", None, None)]


def test_records_keep_their_order_over_row_groups(shop: Workshop) -> None:
    deliver(shop, "select i as Id from range(50000) t(i)", options=", row_group_size 2048")
    shop.load()
    entry = shop.entry(NAME)
    assert (entry.state, entry.records, entry.landed) == ("new", 50_000, 50_000)
    assert shop.went_fast(NAME)
    assert [row[:2] for row in shop.landed(NAME)] == [(n + 1, str(n)) for n in range(50_000)]


def test_of_names_in_several_cases_the_exact_one_counts(shop: Workshop) -> None:
    names = ["AMOUNT", "Amount", "amount"]
    # DuckDB does not write names that differ in case only: they are put into the file afterwards.
    selected = ", ".join(f"{n} as amoun{n}" for n in range(3))
    path = deliver(shop, f"select 7 as iD, {selected}", options=", compression uncompressed")
    content = path.read_bytes()
    for n, name in enumerate(names):
        content = content.replace(f"amoun{n}".encode(), name.encode())
    shop.load_one(content, NAME)
    assert shop.landed(NAME) == [(1, "7", "1", None)]
    assert shop.entry(NAME).columns_ignored == ["AMOUNT", "amount"]


def test_nested_columns_do_not_shift_the_names_after_them(shop: Workshop) -> None:
    deliver(
        shop,
        "select {'Id': {'Note': 1}, 'x': [{'Id': 2}]} as s, 3 as ID, map {'Note': 4} as m,"
        " 'n' as note",
    )
    shop.load()
    assert shop.landed(NAME) == [(1, "3", None, "n")]
    assert shop.entry(NAME).columns_ignored == ["m", "s"]


def test_bytes_that_are_not_utf8_are_quarantined_as_they_are(shop: Workshop) -> None:
    path = deliver(
        shop,
        "select * from (values (1, 'good'::blob, 'x'), (2, 'a\\xFFb\\x22'::blob, 'é\"'),"
        " (3, null, 'z'), (4, '\\xC3'::blob, null)) t(Id, Amount, other)",
    )
    shop.load()
    entry = shop.entry(NAME)
    assert (entry.state, entry.records, entry.landed, entry.quarantined) == ("new", 4, 2, 2)
    assert shop.landed(NAME) == [(1, "1", "good", None), (3, "3", None, None)]
    second = b'{"Id": "2", "Amount": "a' + b"\xff" + 'b\\"", "other": "é\\""}'.encode()
    fourth = b'{"Id": "4", "Amount": "\xc3", "other": null}'
    assert shop.quarantine(NAME) == [
        (2, 2, "bad_bytes", second.decode("utf-8", "backslashreplace"), second),
        (4, 4, "bad_bytes", '{"Id": "4", "Amount": "\\xc3", "other": null}', fourth),
    ]
    assert shop.messages(NAME) == [
        "not UTF-8: byte 0xFF at byte 2 of its Amount",
        "not UTF-8: byte 0xC3 at byte 1 of its Amount",
    ]
    assert records(path)[1::2] == [(2, second), (4, fourth)]


def test_bytes_in_an_undeclared_column_do_not_matter(shop: Workshop) -> None:
    deliver(shop, "select 1 as Id, '\\xFF'::blob as other")
    shop.load()
    assert shop.landed(NAME) == [(1, "1", None, None)]
    assert shop.went_fast(NAME)


def test_text_that_is_not_utf8_refuses_the_file(shop: Workshop) -> None:
    path = deliver(
        shop,
        "select i as Id, 'x' as Amount, 'MARK' || i as Note from range(9) t(i)",
        options=", compression uncompressed",
    )
    shop.load_one(path.read_bytes().replace(b"MARK", b"\xff\xfe\xfdK"), NAME)
    entry = shop.entry(NAME)
    assert (entry.state, entry.landed_file) == ("refused", None)
    assert str(entry.refusal).startswith("its column Note holds text that is not UTF-8")


@pytest.mark.parametrize("damage", ["cut", "no footer", "empty", "text", "flipped"])
def test_a_damaged_file_is_refused_and_others_load(shop: Workshop, damage: str) -> None:
    path = deliver(shop, "select i as Id, md5(i::varchar) as Note from range(20000) t(i)")
    content = bytearray(path.read_bytes())
    if damage == "flipped":
        content[100:5000] = bytes(4900)
    else:
        content = {
            "cut": content[: len(content) // 2],
            "no footer": content[:-8] + b"\xff\xff\xff\x7fPAR1",
            "empty": b"",
            "text": b"Id,Note\n1,2\n",
        }[damage]
    shop.write("b.jsonl", lines({"Id": 1}))
    shop.load_one(bytes(content), NAME)
    entry = shop.entry(NAME)
    assert (entry.state, entry.landed_file) == ("refused", None)
    assert "damaged or no Parquet file" in str(entry.refusal)
    assert "\n" not in str(entry.refusal) and str(shop.root) not in str(entry.refusal)
    assert shop.entry("b.jsonl").state == "new"


def test_absurd_sizes_in_a_footer_take_no_memory(shop: Workshop) -> None:
    path = deliver(shop, "select i as Id, 'x' || i as Note from range(9) t(i)")
    content = path.read_bytes()
    footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for place in range(footer, len(content) - 8, 5):
        path.write_bytes(content[:place] + b"\xff\xff\xff\xff\x07" + content[place + 5 :])
        (result,) = shop.load().files
        assert result.entry.refusal or result.entry.landed == 9
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < before + 300_000


def test_what_is_wrong_with_the_lake_is_not_blamed_on_the_file(shop: Workshop) -> None:
    path = deliver(shop, "select 1 as Id")
    table = Table("shop", "orders", (Column("Id"),))
    raw = Raw(path, None, table, lambda: measure(path, None))
    landed = shop.root / "missing" / "landed.parquet"
    with duckdb.connect() as connection, pytest.raises(duckdb.IOException):
        quarantine = Quarantine(shop.root / "quarantine.jsonl")
        parquet_file.read(raw, Workspace(connection, shop.root, landed, quarantine))


@pytest.mark.parametrize("name", ["a.parquet.gz", "a.parquet.zst", "A.PARQUET.GZ"])
def test_a_packed_file_is_refused(shop: Workshop, name: str) -> None:
    shop.write(name, b"PAR1")
    assert shop.load().exit_status == 1
    assert shop.entry(name).refusal == (
        "a .parquet file is not read from an archive; deliver it unpacked"
    )


@pytest.mark.parametrize("name", ["[ab]*?.parquet", "Id=5/x=1/%20'é#.PARQUET"])
def test_any_path_is_only_a_path(shop: Workshop, name: str) -> None:
    path = deliver(shop, "select 1 as Id", name)
    deliver(shop, "select 2 as Id", "a1.parquet")
    shop.load()
    assert shop.landed(name) == [(1, "1", None, None)]
    assert records(path) == [(1, b'{"Id": "1"}')]


def test_long_values_land(shop: Workshop) -> None:
    deliver(
        shop,
        "select i as Id, repeat(chr(97 + i::int), 3000000) as Amount,"
        " encode(repeat('é', 1000000)) || case when i = 3 then '\\xFF'::blob else ''::blob end"
        " as Note"
        " from range(8) t(i)",
    )
    shop.load()
    assert [(row[0], len(row[2]), len(row[3])) for row in shop.landed(NAME)] == [
        (n, 3_000_000, 1_000_000) for n in (1, 2, 3, 5, 6, 7, 8)
    ]
    assert [(row[0], len(row[4])) for row in shop.quarantine(NAME)] == [(4, 5_000_038)]


def test_wide_values_are_written_few_rows_at_a_time(shop: Workshop) -> None:
    deliver(
        shop,
        "select i as Id, repeat('x', 10000) || md5(i::varchar) as Note from range(9000) t(i)",
    )
    shop.load()
    path = str(shop.settings.lake / str(shop.entry(NAME).landed_file))
    groups = duckdb.execute("select num_row_groups from parquet_file_metadata(?)", [path])
    assert groups.fetchall() == [(3,)]


def test_each_record_is_shown_as_an_object_of_all_its_columns(shop: Workshop) -> None:
    path = deliver(
        shop,
        "select i as Id, [i] as l, timestamptz '2024-01-01 00:00:00+02' as t, null::int as n"
        " from range(3) t(i)",
    )
    found = records(path)
    assert [number for number, _ in found] == [1, 2, 3]
    assert json.loads(found[1][1]) == {
        "Id": "1",
        "l": "[1]",
        "t": "2023-12-31 22:00:00+00",
        "n": None,
    }


TEXT = st.none() | st.text(st.characters(exclude_categories=["Cs"])) | st.just("é\0\"'\n" * 3000)


@settings(deadline=None, max_examples=20)
@given(st.lists(st.tuples(TEXT, TEXT | st.binary(max_size=6)), max_size=6))
def test_any_text_lands_and_any_other_bytes_are_quarantined(rows: list[tuple]) -> None:
    with TemporaryDirectory() as folder:
        shop = Workshop(Path(folder))
        spool = shop.root / "rows.json"
        raw = [v.encode() if isinstance(v, str) else v for _, v in rows]
        spool.write_text(
            "".join(
                json.dumps({"t": text, "h": None if value is None else value.hex()}) + "\n"
                for (text, _), value in zip(rows, raw, strict=True)
            )
        )
        deliver(
            shop,
            "select 1 as Id, t as Amount, unhex(h) as Note from"
            f" read_json('{spool}', columns = {{t: 'VARCHAR', h: 'VARCHAR'}})",
        )
        shop.load()
        good, bad = [], []
        for number, ((text, _), value) in enumerate(zip(rows, raw, strict=True), 1):
            try:
                good.append((number, "1", text, None if value is None else value.decode()))
            except UnicodeDecodeError:
                bad.append(number)
        assert shop.landed(NAME) == good
        assert [row[0] for row in shop.quarantine(NAME)] == bad
        assert shop.entry(NAME).records == len(rows)
