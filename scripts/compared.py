"""What differs between two warehouses: of the two engines, or before a change and after it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
from casebook.sql import quote_text

# What differs by nature, and why. Everything else must be equal.
LEFT_OUT = {
    "audit.declarations": "it is for readers of the published file, which Spark does not have",
    "audit.builds": "it says when each warehouse was built, and by which command",
}
# Columns that differ from build to build.
OF_THE_BUILD = {"loaded_at", "build_number"}
SHOWN = 3


@dataclass(frozen=True)
class Comparison:
    """A table or view, or what a table function answers, in both warehouses."""

    name: str  # as `schema.table`
    rows: int | None  # how many DuckDB has; None where the table is not there
    differences: tuple[str, ...]  # one sentence each; empty where both are the same


def show(comparisons: list[Comparison]) -> bool:
    """Print a line per table, and below it what differs; returns whether anything does."""
    for table in comparisons:
        rows = "" if table.rows is None else f"{table.rows:,} rows"
        print(f"{'DIFFERS' if table.differences else 'same':8}{table.name:56}{rows:>18}")
        for difference in table.differences:
            print(f"        {difference}")
    different = sum(1 for table in comparisons if table.differences)
    print(f"{len(comparisons)} tables, views and functions, {different} of them different")
    for name, reason in LEFT_OUT.items():
        print(f"left out: {name}; {reason}")
    return not comparisons or different > 0


def diff_files(before: Path, after: Path) -> Iterator[Comparison]:
    """Compare two warehouse files of DuckDB, table by table.

    Args:
        before: a warehouse file.
        after: the other one; `audit.declarations` in it says which tables have a key, by which
            rows that changed are told from rows that only one file has.
    """
    with duckdb.connect() as connection:
        for name, path in (("a", before), ("b", after)):
            connection.execute(f"attach {quote_text(path)} as {name} (read_only)")
        found = connection.execute(
            "select database_name, schema_name || '.' || table_name, list(column_name order by"
            " column_index) from duckdb_columns() where database_name in ('a', 'b')"
            " and not internal and schema_name not like 'raw\\_%' escape '\\' group by all"
        ).fetchall()
        sides = {side: {name: names for at, name, names in found if at == side} for side in "ab"}
        keys = {}
        if "audit.declarations" in sides["b"]:
            declared = "select relation, keys from b.audit.declarations"
            for name, text in connection.execute(declared).fetchall():
                keys[name] = min(json.loads(text or "[]"), key=len, default=[])
        for name in sorted((sides["a"].keys() | sides["b"].keys()) - LEFT_OUT.keys()):
            if name in sides["a"] and name in sides["b"]:
                yield _diff(connection, name, sides, keys.get(name, []))
            else:
                only = before if name in sides["a"] else after
                yield Comparison(name, None, (f"only {only} has it",))


def _diff(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    sides: Mapping[str, Mapping[str, list[str]]],
    key: list[str],
) -> Comparison:
    """Compare the columns that both have, apart from those of the build."""
    both = set(sides["a"][name]) & set(sides["b"][name]) - OF_THE_BUILD
    columns = [column for column in sides["a"][name] if column in both]
    listed = ", ".join(f'"{column}"' for column in columns)
    here, there = (f"select {listed} from {side}.{name}" for side in "ab")
    differences = [
        f"column only {where}: {column}"
        for where, one, other in (("before", "a", "b"), ("after", "b", "a"))
        for column in sides[one][name]
        if column not in sides[other][name]
    ]
    gone, come = f"({here}) except all ({there})", f"({there}) except all ({here})"
    by, asked = listed, {"only before": gone, "only after": come}
    if key and set(key) <= set(columns):
        by = ", ".join(f'"{column}"' for column in key)
        asked = {
            "only before": f"{here} anti join b.{name} using ({by})",
            "only after": f"{there} anti join a.{name} using ({by})",
            "changed": f"({here} semi join b.{name} using ({by})) except all ({there})",
        }
    for what, query in asked.items():
        ((count,),) = connection.execute(f"select count(*) from ({query})").fetchall()
        rows = connection.execute(f"select {by} from ({query}) order by all limit {SHOWN}")
        if count:
            differences.append(f"{count:,} rows {what}, as {rows.fetchall()}")
    ((count,),) = connection.execute(f"select count(*) from b.{name}").fetchall()
    return Comparison(name, count, tuple(differences))
