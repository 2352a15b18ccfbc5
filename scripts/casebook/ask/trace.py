"""Where a row of a mart is from: the rows that it was made of, and the records behind those."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from casebook.errors import CasebookError
from casebook.sql import quote_name

if TYPE_CHECKING:
    import duckdb

REF = re.compile(r"\bref\('(\w+)'\)")
Row = dict[str, Any]


@dataclass(frozen=True)
class Origin:
    """A mart row and the raw record that it was made from."""

    table: str  # `schema.table` of the mart
    row: Row  # its columns and values
    source_file: str  # the raw file's path under `raw/`
    source_record: int  # the record's number in it, from 1
    landed: dict[str, str | None]  # the record in the lake: declared columns and text values
    file_hash: str  # SHA-256 of the raw file that was landed
    source_name: str
    table_name: str
    format: str  # the reader that read the file


@dataclass(frozen=True)
class Part:
    """Rows of one mart that a row was made of."""

    table: str  # `schema.table` of that mart
    rows: int
    # Columns of the row that they add up to: how, what they give, and what it has.
    figures: dict[str, tuple[str, Any, Any]]
    origins: tuple[Origin, ...]  # of the first of them in file order


@dataclass(frozen=True)
class Traced:
    """A row of a mart, the record that it was made from or None, and what else it was made of."""

    table: str
    row: Row
    origin: Origin | None
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class _Mart:
    """A mart, as `audit.declarations` has it."""

    relation: str
    columns: dict[str, str]  # and their types
    keys: list[list[str]]
    made_of: list[Mapping[str, Any]]

    def key_columns(self, length: int) -> list[str]:
        """The columns that values are given for: a key that has as many, or else the first ones."""
        names = list(self.columns)
        if "source_file" in names:
            names = names[: names.index("source_file")]
        if length > len(names):
            fix = f"give values of its first columns: {', '.join(names)}"
            raise CasebookError(f"{self.relation} has no key of {length} columns", fix=fix)
        return next((key for key in self.keys if len(key) == length), names[:length])


def trace(
    connection: duckdb.DuckDBPyConnection, table: str, key: Sequence[str], most: int | None = None
) -> list[Traced]:
    """The rows of a mart that have a key, with what they were made of (`meta: made_of`).

    Args:
        connection: to the warehouse.
        table: a mart, as `votes` or `blog_analysis.votes`.
        key: the values of its key, or of its first column, its second and so on.
        most: how many rows of each part to follow to their records; all by default.

    Raises:
        CasebookError: if there is no such mart, several have that name, it has fewer columns or
            does not say what it is made of, no row has that key, or the lake is not where it was.
    """
    marts = _marts(connection)
    mart = _named(marts, table)
    names = mart.key_columns(len(key))
    is_key = " and ".join(f"{quote_name(n)} = try_cast(? as {mart.columns[n]})" for n in names)
    connection.execute(
        f"create or replace temp table traced as select * from {mart.relation} where {is_key}",
        list(key),
    )
    found = _rows(connection, "from traced")
    if not found:
        values = (f"{name} is {value}" for name, value in zip(names, key, strict=True))
        reason = f"{mart.relation} has no row whose {' and '.join(values)}"
        fix = "`casebook rejects --raw` shows the records that are in no mart"
        raise CasebookError(reason, fix=fix)
    if mart.made_of and len(found) > 1:
        fix = f"give its whole key: {' '.join(mart.keys[0])}"
        raise CasebookError(f"{len(found):,} rows of {mart.relation} have that", fix=fix)
    return [
        Traced(
            mart.relation,
            row,
            _origin(connection, mart.relation, row) if "source_file" in row else None,
            tuple(_part(connection, marts, row, declared, most) for declared in mart.made_of),
        )
        for row in found
    ]


def _marts(connection: duckdb.DuckDBPyConnection) -> dict[str, _Mart]:
    """The marts of the warehouse by the names of their models, apart from the audit's."""
    declared = connection.execute(
        """
        select
            name,
            relation,
            list((column_name, data_type) order by column_index),
            keys,
            meta
        from audit.declarations
        inner join duckdb_columns() on relation = schema_name || '.' || table_name
        where access = 'public' and schema_name <> 'audit'
        group by all
        order by relation
        """
    ).fetchall()
    return {
        name: _Mart(relation, dict(types), json.loads(keys), json.loads(meta).get("made_of", []))
        for name, relation, types, keys, meta in declared
    }


def _named(marts: Mapping[str, _Mart], table: str) -> _Mart:
    traceable = [mart for mart in marts.values() if mart.made_of or "source_file" in mart.columns]
    named = [m for m in traceable if table in (m.relation, m.relation.partition(".")[2])]
    if len(named) > 1:
        both = " and ".join(mart.relation for mart in named)
        raise CasebookError(f"{table} is the name of {both}", fix="name the schema, too")
    if not named:
        fix = f"the marts that do: {', '.join(one.relation for one in traceable) or 'none yet'}"
        raise CasebookError(f"{table} is no mart that says where its rows are from", fix=fix)
    return named[0]


def _part(
    connection: duckdb.DuckDBPyConnection,
    marts: Mapping[str, _Mart],
    row: Row,
    declared: Mapping[str, Any],
    most: int | None,
) -> Part:
    """Rows that a row was made of, which is the one in the table `traced`."""
    relation = marts[declared["mart"]].relation
    where = REF.sub(lambda name: marts[name[1]].relation, declared["where"])
    parts = f"select part.* from {relation} as part cross join traced where {where}"
    figures: dict[str, str] = declared.get("figures", {})
    counted = ", ".join(["count(*)", *figures.values()])
    [(rows, *values)] = connection.execute(f"select {counted} from ({parts})").fetchall()
    first = f"{parts} order by part.source_file, part.source_record"
    shown = _rows(connection, first if most is None else f"{first} limit {most}")
    pairs = zip(figures.items(), values, strict=True)
    return Part(
        relation,
        rows,
        {column: (how, value, row[column]) for (column, how), value in pairs},
        tuple(_origin(connection, relation, one) for one in shown),
    )


def _origin(connection: duckdb.DuckDBPyConnection, table: str, row: Row) -> Origin:
    import duckdb

    file, record = row["source_file"], row["source_record"]
    [(source, raw_table, form)] = connection.execute(
        "select source_name, table_name, format from audit.loaded_files where source_file = ?",
        [file],
    ).fetchall()
    try:
        [landed] = _rows(
            connection,
            f"select * from {quote_name(f'raw_{source}')}.{quote_name(raw_table)}"
            " where _source_file = ? and _source_record = ?",
            [file, record],
        )
    except duckdb.Error as error:
        reason = f"the lake that the warehouse was built over cannot be read: {error}"
        fix = "run `casebook build` with the lake in its place"
        raise CasebookError(reason, fix=fix) from error
    texts = {name: value for name, value in landed.items() if not name.startswith("_")}
    return Origin(table, row, file, record, texts, landed["_file_hash"], source, raw_table, form)


def _rows(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: Sequence[object] = ()
) -> list[Row]:
    found = connection.execute(sql, list(parameters))
    columns = [column[0] for column in found.description or ()]
    return [dict(zip(columns, row, strict=True)) for row in found.fetchall()]
