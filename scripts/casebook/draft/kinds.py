"""The types that staging casts to, and the project's own macros that cast."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from casebook.errors import CasebookError


@dataclass(frozen=True)
class Kind:
    """A type that staging can cast to.

    Attributes:
        name: what it is called in a description, with its article.
        macro: the macro that casts to it, or None for text.
        reason: what a value is not that does not cast: `not_<reason>`.
        good: a value that casts, for a unit test.
    """

    name: str
    macro: str | None
    reason: str
    good: str


# In the order in which the first one counts, where several fit equally well.
INTEGER = Kind("an integer", "cast_integer", "an_integer", "1")
DECIMAL = Kind("a decimal", "cast_decimal", "a_number", "1.5")
DATE = Kind("a date", "cast_date", "a_date", "2022-01-02")
TIMESTAMP = Kind("a timestamp", "cast_timestamp", "a_timestamp", "2022-01-02 03:04:05")
BOOLEAN = Kind("a boolean", "cast_boolean", "a_boolean", "true")
INSTANT = Kind("a time with a zone", "cast_instant", "an_instant", "2022-01-02T03:04:05Z")
JSON = Kind("a JSON list or object", "cast_json", "json", "[]")
TEXT = Kind("a text", None, "a_text", "a text")
CASTS = (INTEGER, DECIMAL, DATE, TIMESTAMP, BOOLEAN, JSON)


class Casts:
    """The project's own macros in `macros/fields`, as the SQL that DuckDB runs.

    So a type is suggested only where staging will cast the values.
    """

    def __init__(self, project: Path) -> None:
        self._folder = project / "macros" / "fields"
        self._macros: dict[str, Callable[..., object]] = {}

    def sql(self, macro: str, *arguments: object) -> str:
        """A call of a macro, as dbt would render it.

        Raises:
            CasebookError: if the project has no such macro.
        """
        if macro not in self._macros:
            self._macros[macro] = self._read(macro)
        return str(self._macros[macro](*arguments))

    def _read(self, macro: str) -> Any:  # noqa: ANN401
        path = self._folder / f"{macro}.sql"
        if not path.is_file():
            raise CasebookError(
                "the project has no such macro", file=path, fix="put it back: drafts cast with it"
            )
        return getattr(self._module(path), f"duckdb__{macro}")

    def _module(self, path: Path) -> object:
        """A file of macros, with those of their neighbours that they call."""
        import jinja2
        import jinja2.meta

        environment = jinja2.Environment(extensions=["jinja2.ext.do"])
        text = path.read_text(encoding="utf-8")
        for name in jinja2.meta.find_undeclared_variables(environment.parse(text)):
            called = self._folder / f"{name}.sql"
            if called.is_file():
                environment.globals[name] = getattr(self._module(called), name)
        return environment.from_string(text).module

    def has(self, kind: Kind) -> bool:
        """Whether the project has the macro that casts to a type."""
        return (self._folder / f"{kind.macro}.sql").is_file()

    def cast(self, kind: Kind, column: str, size: Sequence[int] = ()) -> str:
        """A column cast to a type."""
        assert kind.macro is not None
        defaults = {"cast_integer": ("bigint",), "cast_decimal": (38, 18, True)}
        return self.sql(kind.macro, column, *(size or defaults.get(kind.macro, ())))
