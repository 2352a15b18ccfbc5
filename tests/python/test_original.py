"""The original text behind a landed record, from every format."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import duckdb
import pytest
from casebook.ask.trace import Origin
from casebook.load.original import Original, original_text
from loading import SOURCES, Workshop, lines
from loading import shop as shop


def text_of(shop: Workshop, name: str, record: int) -> Original:
    entry = shop.entry(name)
    origin = Origin(
        table="m.t",
        row={},
        source_file=entry.source_file,
        source_record=record,
        landed={},
        file_hash=entry.file_hash,
        source_name=entry.source_name,
        table_name=entry.table_name,
        format=entry.format,
    )
    return original_text(shop.settings, origin)


TEXTS = {
    "a#b.jsonl": (lines({"Id": 1}, {"Id": 2}), '{"Id": 2}'),
    "a.json": (b'[{"Id":1},\n  {"Id": 2}]', '{"Id": 2}'),
    "a.csv.gz": (b'Id,Note\n1,\n2,"x\ny"\n', '2,"x\ny"'),
    "a*.txt": (b"Id;Note\n1;a\n2;b\n", "2;b"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_the_text_of_a_record_is_as_it_was_delivered(shop: Workshop, name: str) -> None:
    content, expected = TEXTS[name]
    shop.load_one(content, name)
    assert text_of(shop, name, 2) == Original(expected)


def test_a_row_of_a_database_or_of_parquet_is_shown_as_json(shop: Workshop) -> None:
    with closing(sqlite3.connect(shop.folder / "a#1.db")) as database:
        database.execute("create table orders (Id integer, Note text)")
        database.execute("insert into orders values (1, 'a'), (2, 'b')")
        database.commit()
    with duckdb.connect() as connection:
        path = shop.folder / "a.parquet"
        connection.execute(f"copy (select '2' as Id, 'b' as Note) to '{path}'")
    shop.load()
    assert text_of(shop, "a#1.db#orders", 2) == Original('{"Id": 2, "Note": "b"}')
    assert text_of(shop, "a.parquet", 1) == Original('{"Id": "2", "Note": "b"}')


def test_why_there_is_no_text(shop: Workshop) -> None:
    entry = shop.load_one(lines({"Id": 1}))
    assert "has no record 2" in text_of(shop, "a.jsonl", 2).why
    shop.declare(SOURCES.replace("name: orders", "name: others"))
    assert "not declared any more" in text_of(shop, "a.jsonl", 1).why
    shop.declare(SOURCES)
    (shop.folder / "a.jsonl").write_bytes(lines({"Id": 2}))
    assert "has changed since" in text_of(shop, "a.jsonl", 1).why
    (shop.folder / "a.jsonl").unlink()
    assert "is gone" in text_of(shop, "a.jsonl", 1).why
    assert entry.landed == 1
