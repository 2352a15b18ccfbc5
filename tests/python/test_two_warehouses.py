"""docs/tables.md: a table function asks the warehouse that is in use, not the one it is in."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
from clone import Clone


def test_a_table_function_asks_the_warehouse_in_use(built_clone: Clone, tmp_path: Path) -> None:
    other = tmp_path / "b.db"
    shutil.copy(built_clone.warehouse, other)
    with duckdb.connect(str(other)) as connection:
        connection.execute("delete from storefront.product_views; delete from storefront.purchases")
    ask = "select count(*) from storefront.ctr('2016-01-01', '2030-01-01', 1440)"
    with duckdb.connect(str(built_clone.warehouse), read_only=True) as connection:
        ((ours,),) = connection.execute(ask).fetchall()
        connection.execute(f"attach '{other}' as b (read_only)")
        # DuckDB's own way: should it change, docs/tables.md must follow.
        wrong = ask.replace("storefront.ctr", "b.storefront.ctr")
        assert connection.execute(wrong).fetchall() == [(ours,)]
        assert connection.execute("select count(*) from b.storefront.product_views").fetchall() == [
            (0,)
        ]
        connection.execute("use b")
        assert connection.execute(ask).fetchall() == [(0,)]
    assert ours > 0
