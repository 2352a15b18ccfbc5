"""A request as SQL with bound values, and its answer, some thousand rows at a time."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from casebook.sql import quote_name, quote_text

if TYPE_CHECKING:
    import duckdb

BATCH = 5_000

WHOLE_NUMBER = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DECIMAL\([0-9]+,0\)")
DECIMAL = re.compile(r"DECIMAL\(([0-9]+),([0-9]+)\)")

Row = tuple[str | None, ...]


@dataclass(frozen=True)
class Column:
    """A column of an answer: its name, its type as DuckDB spells it, and its description."""

    name: str
    type_name: str
    comment: str = ""

    @property
    def json_type(self) -> str:
        """The type of its values in JSON; a double, which marts lack, is a text."""
        if WHOLE_NUMBER.fullmatch(self.type_name):
            return "integer"
        if DECIMAL.fullmatch(self.type_name):
            return "number"
        return "boolean" if self.type_name == "BOOLEAN" else "string"

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
        is_text = self.json_type == "string"
        return f"coalesce({f'to_json({self.text_sql})' if is_text else self.text_sql}, 'null')"


@dataclass(frozen=True)
class Query:
    """A request as it is put to the warehouse.

    Attributes:
        columns: what it gives of each row.
        rows_sql: where the rows come from, `from … as answer`; nothing in it came from outside.
        parameters: what came from outside, to be bound by name.
        page_sql: how rows are sorted, and which of them are on the page. They are sorted as they
            are and spelled as they leave: a sort of JSON would hold all of its text in memory.
        paging: what is bound in `page_sql`.
    """

    columns: tuple[Column, ...]
    rows_sql: str
    parameters: Mapping[str, Any]
    page_sql: str = ""
    paging: Mapping[str, Any] | None = None

    def texts(self, connection: duckdb.DuckDBPyConnection) -> Iterator[list[Row]]:
        """The rows as texts, up to 5,000 at a time; the connection is busy until the last."""
        return self._fetch(connection, ", ".join(column.text_sql for column in self.columns))

    def objects(self, connection: duckdb.DuckDBPyConnection) -> Iterator[list[Row]]:
        """The rows as JSON, one text each, up to 5,000 at a time.

        DuckDB writes them, as Python would take longer than the query itself.
        """
        before, parts = "{", []
        for column in self.columns:
            name = json.dumps(column.name, ensure_ascii=False)
            parts += [quote_text(f"{before}{name}:"), column.json_sql]
            before = ","
        return self._fetch(connection, f"concat({', '.join(parts)}, '}}')")

    def count(self, connection: duckdb.DuckDBPyConnection) -> int:
        """How many rows there are on all pages."""
        found = connection.execute(f"select count(*) {self.rows_sql}", dict(self.parameters))
        return int(found.fetchall()[0][0])

    def _fetch(self, connection: duckdb.DuckDBPyConnection, shown: str) -> Iterator[list[Row]]:
        bound = {**self.parameters, **(self.paging or {})}
        page = f"(select answer.* {self.rows_sql}{self.page_sql}) as answer"
        answer = connection.execute(f"select {shown} from {page}", bound)
        while rows := answer.fetchmany(BATCH):
            yield rows
