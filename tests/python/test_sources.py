"""What a source YAML may declare of a raw table, and how it is told what is wrong."""

from __future__ import annotations

import json
import re

import duckdb
import pytest
from casebook.errors import CasebookError
from casebook.sources import Column, Table, read_sources
from loading import Workshop
from loading import shop as shop


def declared(
    shop: Workshop, meta: str, source_meta: str = "", column_meta: str = ""
) -> dict[str, Table]:
    shop.declare(f"""
sources:
  - name: shop
    config: {{meta: {{{source_meta}}}}}
    tables:
      - name: orders
        config: {{meta: {{{meta}}}}}
        columns: [{{name: Id, config: {{meta: {{required: true, aliases: [Nr]{column_meta}}}}}}}]
      - {{name: returns, columns: [{{name: Id}}]}}
""")
    return read_sources(shop.root)


def test_all_that_a_table_may_declare(shop: Workshop) -> None:
    tables = declared(
        shop,
        "key: [Id], path_values: [land], aliases: [Order, Sale], encoding: Windows-1252,"
        " skip_lines: 2, records_at: data, sheet: May, max_bad_share: 0.1",
        "fetch: {database: {env: SHOP_URL}}",
    )
    assert tables["shop.orders"] == Table(
        source="shop",
        name="orders",
        columns=(Column("Id", required=True, aliases=("Nr",)),),
        key=("Id",),
        path_values=("land",),
        table_aliases=("Order", "Sale"),
        encoding="cp1252",
        skip_lines=2,
        records_at="data",
        sheet="May",
        max_bad_share=0.1,
        fetch={"database": {"env": "SHOP_URL"}},
    )
    assert tables["shop.returns"].snapshot == "shop/returns/returns.parquet"
    tables = declared(shop, "fetch: {files: a}", "fetch: {database: b}")
    assert tables["shop.orders"].fetch == {"files": "a"}
    assert tables["shop.orders"].snapshot is None


def test_the_declaration_changes_with_what_decides_how_a_file_is_read(shop: Workshop) -> None:
    plain = declared(shop, "")["shop.orders"].declaration
    for meta in ("encoding: utf-8", "skip_lines: 0", "aliases: [x]", "key: [Id]"):
        assert declared(shop, meta)["shop.orders"].declaration == plain
    options = ("encoding: latin-1", "skip_lines: 1", "records_at: x", "sheet: x")
    others = {
        declared(shop, meta)["shop.orders"].declaration for meta in (*options, "max_bad_share: 0")
    }
    assert len(others | {plain}) == 6


@pytest.mark.parametrize(
    ("meta", "wrong"),
    [
        ("encoding: klingon", "encoding: klingon"),
        ("encoding: hex", "encoding: hex"),
        ("skip_lines: -1", "skip_lines: -1"),
        ("skip_lines: two", "skip_lines: two"),
        ("records_at: [data]", "records_at: ['data']"),
        ("sheet: 1", "sheet: 1"),
        ("max_bad_share: 10", "max_bad_share: 10"),
        ("fetch: true", "fetch: True"),
        ("key: Id", "key: Id"),
        ("aliases: [1]", "aliases: [1]"),
        ("aliases: [Returns]", "alias returns twice"),
        ("aliases: [ORDERS]", "alias ORDERS twice"),
        ("aliases: [x, x]", "alias x twice"),
        ("decode: pickle", "the column Id of table shop.orders declares `decode: pickle`"),
        ("decode: pickle", "give one of: python_literal"),
    ],
)
def test_what_is_wrong_is_named_with_the_file_and_the_fix(
    shop: Workshop, meta: str, wrong: str
) -> None:
    with pytest.raises(CasebookError) as raised:
        declared(shop, *(["", "", f", {meta}"] if meta.startswith("decode") else [meta]))
    for word in ("_shop__sources.yml", "shop", "orders", wrong, "Fix: "):
        assert word in str(raised.value)


NESTED = "sources: [{{name: shop, tables: [{{name: orders, columns: {}}}]}}]"


@pytest.mark.parametrize(
    ("yaml", "says"),
    [
        ("[1, 2]", "not as dbt has sources declared"),
        ("sources: 5", "not as dbt has sources declared"),
        ("sources: [{name: shop, tables: 5}]", "not as dbt has sources declared"),
        (NESTED.format("[null]"), "not as dbt has sources declared"),
        (NESTED.format("[{name: x, config: [1]}]"), "not as dbt has sources declared"),
        ("a: &a [x]\nb: &b [*a, *a]\n" + NESTED.format("*b"), "not as dbt has sources declared"),
        ("sources: " + "[" * 5000, "not valid YAML"),
        ("sources: !!python/object/apply:os.system [exit]", "not valid YAML"),
        ("sources: [{name: ../.., tables: [{name: x, columns: [{name: x}]}]}]", "source: ../.."),
        (NESTED.format("[{name: x}]").replace("orders", "../x"), "name: ../x"),
    ],
)
def test_hostile_yaml_is_one_clear_error(shop: Workshop, yaml: str, says: str) -> None:
    shop.declare(yaml)
    with pytest.raises(CasebookError, match=re.escape(says)) as raised:
        read_sources(shop.root)
    assert "_shop__sources.yml" in str(raised.value)


def test_what_looks_like_jinja_or_sql_is_only_a_name(shop: Workshop) -> None:
    names = ["{{ env_var('HOME') }}", "Id' from t; drop table t; --", '"', "\x1b[2J"]
    shop.declare(NESTED.format(json.dumps([{"name": name} for name in names])))
    shop.write("a.jsonl", json.dumps(dict.fromkeys(names, "1")))
    shop.write("b.csv", "\"{{ env_var('HOME') }}\"\n7\n")
    assert shop.load().exit_status == 0
    landed = [
        str(shop.settings.lake / shop.entry(name).landed_file) for name in ("a.jsonl", "b.csv")
    ]
    columns = ", ".join('"' + name.replace('"', '""') + '"' for name in names)
    assert duckdb.sql(f"select {columns} from read_parquet({landed})").fetchall() == [
        ("1", "1", "1", "1"),
        ("7", None, None, None),
    ]
