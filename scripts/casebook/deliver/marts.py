"""What is delivered: the public marts of a warehouse file, and what PostgreSQL makes of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from casebook.errors import CasebookError
from casebook.sql import quote_name

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

RAW_TEXT = "raw_text"
# DuckDB's types that PostgreSQL has, too; what is neither here nor below is delivered as text.
_SAME = ["BOOLEAN", "SMALLINT", "INTEGER", "BIGINT", "DATE", "TIME", "TIMESTAMP"]
_OTHER_NAMES = {"VARCHAR": "text", "DOUBLE": "double precision", "FLOAT": "real", "BLOB": "bytea"}
_OTHER_NAMES["TIMESTAMP WITH TIME ZONE"] = "timestamptz"
_INTEGERS = ["TINYINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "HUGEINT", "UHUGEINT"]


@dataclass(frozen=True)
class Column:
    """A column of a mart.

    Attributes:
        name: its name, in both.
        type: its type in PostgreSQL.
        required: whether its contract forbids null.
        comment: its description, or None.
        original: SQL for its value in DuckDB, of what fits the type.
        value: the same with U+FFFD for each U+0000, which PostgreSQL does not take.
    """

    name: str
    type: str
    required: bool
    comment: str | None
    original: str
    value: str


@dataclass(frozen=True)
class Mart:
    """A mart, and the table of PostgreSQL that it is delivered to.

    Attributes:
        relation: schema and name in the warehouse, quoted.
        target: schema and name in PostgreSQL.
        columns: its columns, in their order.
        key: the columns of its primary key; empty where it has none.
        comment: its description, or None.
    """

    relation: str
    target: tuple[str, str]
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    comment: str | None

    @property
    def name(self) -> str:
        """`schema.table` in PostgreSQL."""
        return ".".join(self.target)

    @property
    def table(self) -> str:
        """The same, quoted."""
        return qualified(*self.target)

    @property
    def query(self) -> str:
        """SQL for its rows in DuckDB, as they are delivered."""
        values = (f"{column.value} as {quote_name(column.name)}" for column in self.columns)
        return f"select {', '.join(values)} from {self.relation}"

    @property
    def shape(self) -> dict[str, Any]:
        """All that decides what its table looks like, as `audit.deliveries` remembers it."""
        return {
            "columns": [[column.name, column.type, column.required] for column in self.columns],
            "key": list(self.key),
            "comments": [self.comment, *(column.comment for column in self.columns)],
        }

    def count_nul(self, warehouse: DuckDBPyConnection) -> int:
        """How many of its texts have a U+0000."""
        sides = [(c.original, c.value) for c in self.columns if c.original != c.value]
        counts = [f"count(*) filter ({one} is distinct from {other})" for one, other in sides]
        if not counts:
            return 0
        [(count,)] = warehouse.execute(
            f"select {' + '.join(counts)} from {self.relation}"
        ).fetchall()
        return int(count)


def qualified(schema: str, name: str) -> str:
    """Schema and name, quoted."""
    return f"{quote_name(schema)}.{quote_name(name)}"


def read_marts(
    warehouse: DuckDBPyConnection, selected: Sequence[str], *, with_raw_text: bool
) -> list[Mart]:
    """The public tables and views of a warehouse.

    Args:
        warehouse: the published file.
        selected: names of schemas, or of marts with or without their schema; all by default.
        with_raw_text: deliver the text of rejected records, too.

    Raises:
        CasebookError: for a name that selects none, or two marts with one name in PostgreSQL.
    """
    declared = warehouse.execute("""
        with relations as (
            select schema_name, table_name, comment from duckdb_tables()
            union all
            select schema_name, view_name, comment from duckdb_views() where not internal
        )

        select schema_name, table_name, comment, keys, coalesce(meta ->> 'deliver', relation)
        from relations
        inner join audit.declarations on schema_name || '.' || table_name = relation
        where access = 'public'
        order by relation
    """)
    marts: dict[str, Mart] = {}
    named: dict[str, set[str]] = {}
    for schema, name, comment, keys, deliver in declared.fetchall():
        found = warehouse.execute(
            "select column_name, data_type, not is_nullable, comment from duckdb_columns()"
            " where schema_name = ? and table_name = ? order by column_index",
            [schema, name],
        ).fetchall()
        columns = tuple(_column(*one) for one in found if with_raw_text or one[0] != RAW_TEXT)
        required = {column.name for column in columns if column.required}
        # A primary key asks for columns that are never null.
        fits = [tuple(key) for key in json.loads(keys or "[]") if required.issuperset(key)]
        key = min(fits, key=len, default=())
        first, _, last = deliver.rpartition(".")
        mart = Mart(qualified(schema, name), (first or schema, last), columns, key, comment)
        if mart.name in marts:
            raise CasebookError(
                f"two marts are delivered as {mart.name}", fix="declare another `meta: deliver:`"
            )
        marts[mart.name] = mart
        named[mart.name] = {schema, name, f"{schema}.{name}", *mart.target, mart.name}
    if unknown := set(selected).difference(*named.values()):
        raise CasebookError(
            f"no mart is called {min(unknown)}", fix="name one of: " + ", ".join(marts)
        )
    return [mart for mart in marts.values() if not selected or named[mart.name] & set(selected)]


def _column(name: str, kind: str, required: bool, comment: str | None) -> Column:
    """A column, its type in PostgreSQL, and its value cast to what fits it."""
    value, element = quote_name(name), kind.removesuffix("[]")
    if element in _SAME or element.startswith("DECIMAL("):
        kind = kind.lower()
    elif element in _OTHER_NAMES:
        kind = kind.replace(element, _OTHER_NAMES[element])
    elif element in _INTEGERS:
        kind = kind.replace(element, "decimal(38,0)")
        value = f"cast({value} as {kind})"
    else:
        nested = kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION"))
        value = f"cast({f'to_json({value})' if nested else value} as varchar)"
        kind = "text"
    clean = value
    if kind == "text":
        clean = f"replace({value}, chr(0), '\ufffd')"
    elif kind == "text[]":
        clean = f"list_transform({value}, lambda text: replace(text, chr(0), '\ufffd'))"
    return Column(name, kind, required, comment, value, clean)
