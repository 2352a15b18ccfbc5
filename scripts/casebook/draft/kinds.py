"""The types that staging casts to, and the project's own macros that cast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2

from casebook.errors import CasebookError


@dataclass(frozen=True)
class Kind:
    """A type that staging can cast to.

    Attributes:
        name: what it is called in a description, with its article.
        macro: the macro that casts to it; empty for text.
        reason: what a value is not that does not cast: `not_<reason>`.
        good: a value that casts, for a unit test.
        arguments: those of the macro that take the most values.
    """

    name: str
    macro: str
    reason: str
    good: str
    arguments: tuple[object, ...] = ()


# In the order in which the first one counts, where several fit equally well.
INTEGER = Kind("an integer", "cast_integer", "an_integer", "1", ("bigint",))
DECIMAL = Kind("a decimal", "cast_decimal", "a_number", "1.5", (38, 18, True))
DATE = Kind("a date", "cast_date", "a_date", "2022-01-02")
TIMESTAMP = Kind("a timestamp", "cast_timestamp", "a_timestamp", "2022-01-02 03:04:05")
BOOLEAN = Kind("a boolean", "cast_boolean", "a_boolean", "true")
JSON = Kind("a JSON list or object", "cast_json", "json", "[]")
CASTS = (INTEGER, DECIMAL, DATE, TIMESTAMP, BOOLEAN, JSON)
INSTANT = Kind("a time with a zone", "cast_instant", "an_instant", "2022-01-02T03:04:05Z")
TEXT = Kind("a text", "", "a_text", "a text")


class Casts:
    """The project's own macros in `macros/fields`, as the SQL that DuckDB runs.

    So a type is suggested only where staging will cast the values.
    """

    def __init__(self, project: Path) -> None:
        self._folder = project / "macros" / "fields"
        texts = [path.read_text(encoding="utf-8") for path in sorted(self._folder.glob("*.sql"))]
        environment = jinja2.Environment(extensions=["jinja2.ext.do"])
        self._macros = environment.from_string("\n".join(texts)).module

    def sql(self, macro: str, *arguments: object) -> str:
        """A call of a macro, as dbt would render it.

        Raises:
            CasebookError: if the project has no such macro.
        """
        found = getattr(self._macros, f"duckdb__{macro}", None)
        if found is None:
            reason, fix = "the project has no such macro", "put it back: drafts cast with it"
            raise CasebookError(reason, file=self._folder / f"{macro}.sql", fix=fix)
        return str(found(*arguments))

    def cast(self, kind: Kind, column: str, size: Sequence[int] = ()) -> str:
        """A column cast to a type."""
        return self.sql(kind.macro, column, *(size or kind.arguments))
