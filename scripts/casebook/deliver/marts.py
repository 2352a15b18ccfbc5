"""What is delivered: the public marts of a warehouse file, and what PostgreSQL makes of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec

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


class Shape(msgspec.Struct):
    """What a table of PostgreSQL looks like, as `audit.deliveries` remembers it.

    Attributes:
        columns: name and type of each column, and whether it must not be null.
        key: the columns of the primary key.
        comments: that of the table, and those of its columns.
    """

    columns: list[tuple[str, str, bool]]
    key: list[str]
    comments: list[str | None]


@dataclass(frozen=True)
class Column:
    """A column of a mart.

    Attributes:
        name: its name, in both.
        type: its type in PostgreSQL.
        required: whether its contract forbids null.
        comment: its description, or None.
        value: SQL for its value in DuckDB, as it is delivered.
    """

    name: str
    type: str
    required: bool
    comment: str | None
    value: str


@dataclass(frozen=True)
class Mart:
    """A mart, and the table of PostgreSQL that it is delivered to.

    Attributes:
        relation: schema and name in the warehouse.
        target: schema and name in PostgreSQL.
        columns: its columns, in their order.
        key: the columns of its primary key; empty where it has none.
        comment: its description, or None.
        replaced: how many texts had a U+0000 in them, which PostgreSQL does not take.
    """

    relation: tuple[str, str]
    target: tuple[str, str]
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    comment: str | None
    replaced: int = 0

    @property
    def name(self) -> str:
        """`schema.table` in PostgreSQL."""
        return ".".join(self.target)

    @property
    def query(self) -> str:
        """SQL for its rows in DuckDB, as they are delivered."""
        values = (f"{column.value} as {quote_name(column.name)}" for column in self.columns)
        return f"select {', '.join(values)} from {qualified(self.relation)}"

    @property
    def shape(self) -> Shape:
        """All that decides what its table looks like."""
        return Shape(
            [(column.name, column.type, column.required) for column in self.columns],
            list(self.key),
            [self.comment, *(column.comment for column in self.columns)],
        )


def qualified(relation: tuple[str, str]) -> str:
    """Schema and name, quoted."""
    return ".".join(map(quote_name, relation))


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
    marts: dict[tuple[str, str], Mart] = {}
    for schema, name, comment, keys, deliver in declared.fetchall():
        columns = _columns(warehouse, schema, name, with_raw_text)
        required = {column.name for column in columns if column.required}
        # A primary key asks for columns that are never null.
        fits = [tuple(key) for key in json.loads(keys or "[]") if required.issuperset(key)]
        first, _, last = deliver.rpartition(".")
        mart = Mart(
            (schema, name),
            (first or schema, last),
            columns,
            min(fits, key=len, default=()),
            comment,
        )
        if mart.target in marts:
            raise CasebookError(
                f"two marts are delivered as {mart.name}", fix="declare another `meta: deliver:`"
            )
        marts[mart.target] = mart
    named = {m: {*m.relation, *m.target, m.name, ".".join(m.relation)} for m in marts.values()}
    if unknown := set(selected) - set().union(*named.values()):
        raise CasebookError(
            f"no mart is called {min(unknown)}",
            fix="name one of: " + ", ".join(mart.name for mart in named),
        )
    return [mart for mart, names in named.items() if not selected or names & set(selected)]


def _columns(
    warehouse: DuckDBPyConnection, schema: str, name: str, with_raw_text: bool
) -> tuple[Column, ...]:
    found = warehouse.execute(
        "select column_name, data_type, not is_nullable, comment from duckdb_columns()"
        " where schema_name = ? and table_name = ? order by column_index",
        [schema, name],
    ).fetchall()
    return tuple(
        Column(column, *_type(kind, quote_name(column), required, comment))
        for column, kind, required, comment in found
        if column != RAW_TEXT or with_raw_text
    )


def _type(
    kind: str, value: str, required: bool, comment: str | None
) -> tuple[str, bool, str | None, str]:
    """What follows a column's name: its type in PostgreSQL, and its value cast to what fits it."""
    element = kind.removesuffix("[]")
    if element in _SAME or element.startswith("DECIMAL("):
        return kind.lower(), required, comment, value
    if element in _OTHER_NAMES:
        return kind.replace(element, _OTHER_NAMES[element]), required, comment, value
    if element in _INTEGERS:
        exact = kind.replace(element, "decimal(38,0)")
        return exact, required, comment, f"cast({value} as {exact})"
    nested = kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION"))
    text = f"cast({f'to_json({value})' if nested else value} as varchar)"
    return "text", required, comment, text


def without_nul(warehouse: DuckDBPyConnection, mart: Mart) -> Mart:
    """The mart with U+FFFD for each U+0000, which PostgreSQL does not take, and their number."""
    texts = [column for column in mart.columns if column.type.startswith("text")]
    if not texts:
        return mart
    joined = (c.value if c.type == "text" else f"array_to_string({c.value}, '')" for c in texts)
    counts = ", ".join(f"count(*) filter (contains({value}, chr(0)))" for value in joined)
    found = warehouse.execute(f"select {counts} from {qualified(mart.relation)}").fetchone() or ()
    held = {column for column, count in zip(texts, found, strict=True) if count}

    def cleaned(column: Column) -> Column:
        if column not in held:
            return column
        value = "text" if column.type == "text[]" else column.value
        value = f"replace({value}, chr(0), '\ufffd')"
        if column.type == "text[]":
            value = f"list_transform({column.value}, lambda text: {value})"
        return replace(column, value=value)

    return replace(mart, columns=tuple(map(cleaned, mart.columns)), replaced=sum(found))
