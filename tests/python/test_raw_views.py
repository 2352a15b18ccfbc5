"""What a build reads of the lake: folder values, repeated deliveries, older declarations."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from workbench import UNTESTED, Workbench

SALES = """
sources:
  - name: shop
    schema: raw_shop
    tables:
      - name: sales
        config: {meta: {path_values: [region, year]}}
        columns:
          - name: item
            config: {meta: {required: true}}
          - name: price
"""


@pytest.fixture
def shop(own_project: Workbench) -> Workbench:
    """A project that declares a table without a key, whose folders say region and year."""
    declare(own_project, SALES)
    return own_project


def declare(bench: Workbench, sources: str) -> None:
    path = bench.project / "models" / "staging" / "shop" / "_shop__sources.yml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(sources)


def deliver(bench: Workbench, name: str, *records: dict) -> Path:
    path = bench.raw / "shop" / "sales" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


SOLD = ({"item": "pen", "price": "2"}, {"item": "pen", "price": "2"})


def test_folder_values_are_columns_of_the_raw_view(shop: Workbench) -> None:
    path = deliver(shop, "north & south/2024/deep/a.jsonl", {"item": "pen"})
    shop.casebook("build", *UNTESTED)
    assert shop.query(
        "select item, _path_region, _path_year, _source_file, _source_record from raw_shop.sales"
    ) == [("pen", "north & south", "2024", "shop/sales/north & south/2024/deep/a.jsonl", 1)]
    assert shop.query(
        "select _file_hash, _loaded_at = (select loaded_at from audit.loaded_files)"
        " from raw_shop.sales"
    ) == [(hashlib.sha256(path.read_bytes()).hexdigest(), True)]


def test_a_file_in_too_few_folders_is_refused(shop: Workbench) -> None:
    deliver(shop, "north/a.jsonl", {"item": "pen"})
    refused = shop.casebook("load", status=1)
    assert "shop/sales/north/a.jsonl" in refused.stderr
    assert "year" in refused.stderr


def test_a_keyless_file_delivered_twice_counts_once(shop: Workbench) -> None:
    deliver(shop, "north/2024/b.jsonl", *SOLD)
    shop.casebook("build", *UNTESTED)
    assert shop.query("select count(*) from raw_shop.sales") == [(2,)]
    deliver(shop, "north/2024/a.jsonl", *SOLD)
    deliver(shop, "north/2024/c/a.jsonl", *SOLD)
    deliver(shop, "south/2024/a.jsonl", *SOLD)
    shop.casebook("build")
    assert shop.query(
        "select _source_file, count(*) from raw_shop.sales group by all order by all"
    ) == [("shop/sales/north/2024/a.jsonl", 2), ("shop/sales/south/2024/a.jsonl", 2)]
    assert shop.query(
        "select source_file, redelivery_of from audit.loaded_files order by source_file"
    ) == [
        ("shop/sales/north/2024/a.jsonl", None),
        ("shop/sales/north/2024/b.jsonl", "shop/sales/north/2024/a.jsonl"),
        ("shop/sales/north/2024/c/a.jsonl", "shop/sales/north/2024/a.jsonl"),
        ("shop/sales/south/2024/a.jsonl", None),
    ]
    assert shop.query(
        "select landed, items, redelivered from audit.row_accounting order by source_file"
    ) == [(2, 0, 0), (2, 2, 2), (2, 2, 2), (2, 0, 0)]


def test_files_of_a_table_with_a_key_are_never_redelivered(shop: Workbench) -> None:
    declare(shop, SALES.replace("{path_values", "{key: [item], path_values"))
    deliver(shop, "north/2024/a.jsonl", *SOLD)
    deliver(shop, "north/2024/b.jsonl", *SOLD)
    shop.casebook("build", *UNTESTED)
    assert shop.query("select count(*) from raw_shop.sales") == [(4,)]
    assert shop.query("select count(redelivery_of) from audit.loaded_files") == [(0,)]


def test_a_gone_file_keeps_its_records_under_a_newer_declaration(shop: Workbench) -> None:
    path = deliver(shop, "north/2024/a.jsonl", {"item": "pen", "price": "2", "tax": "1"})
    shop.casebook("load")
    path.unlink()
    declare(shop, SALES + "          - name: tax\n")
    shop.casebook("build", *UNTESTED)
    only_old = shop.query("select item, price, tax from raw_shop.sales")
    assert only_old == [("pen", "2", None)]
    deliver(shop, "north/2024/b.jsonl", {"tax": "3", "item": "ink", "price": "4"})
    shop.casebook("build", *UNTESTED)
    assert shop.query("select item, price, tax, _path_year from raw_shop.sales order by item") == [
        ("ink", "4", "3", "2024"),
        ("pen", "2", None, "2024"),
    ]


NAMES = [
    "a.jsonl",
    "A.jsonl",
    "with blank .jsonl",
    'it\'s "quoted".jsonl',
    "two\nlines.jsonl",
    "żółć-日本.jsonl",
    "glob*[a]?.jsonl",
    "100%25 #1 = {x}.jsonl",
    "back\\slash.jsonl",
    "-dash.JSONL",
]


def test_files_of_any_name_are_told_apart_and_named_exactly(shop: Workbench) -> None:
    for number, name in enumerate(NAMES):
        deliver(shop, f"north/2024/{name}", {"item": str(number)})
    shop.casebook("build", *UNTESTED)
    assert sorted(shop.query("select _source_file, item, _source_record from raw_shop.sales")) == (
        sorted((f"shop/sales/north/2024/{name}", str(n), 1) for n, name in enumerate(NAMES))
    )
    again = shop.casebook("load").stdout
    assert f"{len(NAMES)} unchanged" in again


def test_a_declared_table_that_was_never_delivered_is_empty(shop: Workbench) -> None:
    votes = shop.raw / "blog" / "votes"
    votes.mkdir(parents=True)
    (votes / "a.jsonl").write_text("")
    shop.casebook("build")
    assert shop.query("select * from raw_shop.sales") == []
    described = shop.query("select column_name from (describe raw_shop.sales)")
    assert [name for (name,) in described] == [
        "item",
        "price",
        "_source_file",
        "_source_record",
        "_file_hash",
        "_loaded_at",
        "_path_region",
        "_path_year",
    ]
