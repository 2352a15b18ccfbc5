"""A question as SQL with bound values, and its answer, some thousand rows at a time."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from casebook.sql import quote_name, quote_text

if TYPE_CHECKING:
    import duckdb

BATCH = 5_000

WHOLE_NUMBERS = {
    f"{sign}{size}"
    for sign in ("", "U")
    for size in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
}
DECIMAL = re.compile(r"DECIMAL\(([0-9]+),([0-9]+)\)")

Row = tuple[str | None, ...]


@dataclass(frozen=True)
class Column:
    """A column of an answer.

    Attributes:
        name: its name, which is that in the answer.
        type_name: its type, as DuckDB spells it.
        comment: its description; empty where there is none.
        is_required: whether it is never null.
    """

    name: str
    type_name: str
    comment: str = ""
    is_required: bool = False

    @property
    def is_whole_number(self) -> bool:
        """Whether it holds whole numbers, of any length."""
        parts = DECIMAL.fullmatch(self.type_name)
        return self.type_name in WHOLE_NUMBERS or (parts is not None and parts[2] == "0")

    @property
    def is_decimal(self) -> bool:
        """Whether it holds decimal numbers."""
        return DECIMAL.fullmatch(self.type_name) is not None

    @property
    def is_boolean(self) -> bool:
        """Whether it holds true and false."""
        return self.type_name == "BOOLEAN"

    @property
    def is_literal(self) -> bool:
        """Whether JSON writes its values without quotes; a double, which marts lack, is a text."""
        return self.is_whole_number or self.is_decimal or self.is_boolean

    @property
    def text_sql(self) -> str:
        """The SQL of its values as texts, exactly as the warehouse has them.

        Through a double `1234567.500000` would lose its zeros, and more digits their end.
        """
        shown = f"cast(answer.{quote_name(self.name)} as varchar)"
        parts = DECIMAL.fullmatch(self.type_name)
        if parts and parts[1] == parts[2]:
            # DuckDB writes 0.5 of a decimal(1,1) as `.5`, which is no number in JSON.
            return rf"regexp_replace({shown}, '^(-?)\.', '\10.')"
        return shown

    @property
    def json_sql(self) -> str:
        """The SQL of its values as JSON."""
        shown = self.text_sql if self.is_literal else f"to_json({self.text_sql})"
        return f"coalesce({shown}, 'null')"


@dataclass(frozen=True)
class Query:
    """A question as it is put to the warehouse.

    Attributes:
        columns: what it gives of each row.
        rows_sql: where the rows come from: SQL that begins with `from … as answer`. There is
            nothing in it that came from outside.
        parameters: what came from outside, to be bound by name.
    """

    columns: tuple[Column, ...]
    rows_sql: str
    parameters: Mapping[str, object]

    def texts(self, connection: duckdb.DuckDBPyConnection) -> Iterator[list[Row]]:
        """The rows as texts, up to 5,000 at a time.

        The connection is busy until the last are fetched.
        """
        shown = ", ".join(column.text_sql for column in self.columns)
        return self._fetch(connection, shown)

    def objects(self, connection: duckdb.DuckDBPyConnection) -> Iterator[list[Row]]:
        """The rows as JSON, one text each, up to 5,000 at a time.

        DuckDB writes them, as Python would take longer than the question itself.
        """
        before, parts = "{", []
        for column in self.columns:
            name = json.dumps(column.name, ensure_ascii=False)
            parts += [quote_text(f"{before}{name}:"), column.json_sql]
            before = ","
        return self._fetch(connection, f"concat({', '.join(parts)}, '}}')")

    def count(self, connection: duckdb.DuckDBPyConnection) -> int:
        """How many rows there are."""
        found = connection.execute(f"select count(*) {self.rows_sql}", dict(self.parameters))
        return found.fetchone()[0]

    def _fetch(self, connection: duckdb.DuckDBPyConnection, shown: str) -> Iterator[list[Row]]:
        answer = connection.execute(f"select {shown} {self.rows_sql}", dict(self.parameters))
        while rows := answer.fetchmany(BATCH):
            yield rows
