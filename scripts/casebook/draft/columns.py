"""What the first records of a file tell of its columns: types, nulls, and a key."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

from casebook.draft.names import Name
from casebook.errors import CasebookError
from casebook.sql import quote_name, quote_text

if TYPE_CHECKING:
    import duckdb

# A type is suggested where so many of a column's values have it; staging rejects the others.
FITTING = 0.9
# A column that is so seldom null may be one that no record should lack.
SELDOM = 0.1
REPEATED_LEFT = 0.8
LONGEST_KEY = 3
_KEY_CANDIDATES = 12
_LONGEST_KEY_TEXT = 64
_MOST_PLACES = 20
_LITERALS_LOOKED_AT = 1000
_ID_LIKE = re.compile(r"(^|_)(id|key|number|no|nr|code|uuid|guid|isbn|sku)$")
_SPELLED_OTHERWISE = {
    "numbers with zeros in front, which a number would lose": r"\s*[+-]?0[0-9]+\s*",
    "times with a zone": (
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?\s?"
        r"(Z|UTC|[+-][0-9]{2}(:?[0-9]{2})?)"
    ),
    "times that are not spelled YYYY-MM-DD HH:MM:SS": (
        r"[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}[T ][0-9]{1,2}:.*"
    ),
    "dates that are not spelled YYYY-MM-DD": r"[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}",
    "numbers with a comma": r"\s*[+-]?[0-9]{1,3}([., ][0-9]{3})*,[0-9]+\s*",
}


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
_ZONED = "times with a zone"


@dataclass(frozen=True)
class Guess:
    """What a column seems to hold.

    Attributes:
        name: what it is called.
        kind: its type.
        size: precision and scale of a decimal, else empty.
        decode: how its text is brought to JSON before it lands, or None.
        required: whether no record of those looked at lacks it.
        remarks: what whoever confirms the draft should know.
        others: other names under which files deliver the column.
    """

    name: Name
    kind: Kind
    size: tuple[int, ...] = ()
    decode: str | None = None
    required: bool = False
    remarks: tuple[str, ...] = ()
    others: tuple[str, ...] = ()

    @property
    def aliases(self) -> tuple[str, ...]:
        """The names under which the column is delivered, where they are not the declared one."""
        return (*self.name.aliases, *self.others)

    @property
    def described(self) -> str:
        """How it comes, in words."""
        return "as delivered" if self.kind is TEXT else f"as {self.kind.name}"

    @property
    def type_name(self) -> str:
        """The type in a word or two, such as `decimal(18, 2)`."""
        size = f"({', '.join(map(str, self.size))})" if self.size else ""
        return self.kind.name.split(" ", 1)[1] + size


@dataclass(frozen=True)
class Key:
    """A key that was found, or why there is none.

    Attributes:
        columns: the columns; empty where no few columns tell all records apart.
        remark: what speaks for it, or which column comes closest.
    """

    columns: tuple[Name, ...]
    remark: str


class Casts:
    """The project's own macros in `macros/fields`, as the SQL that DuckDB runs.

    So a type is suggested only where staging will cast the values.
    """

    def __init__(self, project: Path) -> None:
        self._folder = project / "macros" / "fields"
        self._macros: dict[str, Callable[..., str]] = {}

    def sql(self, macro: str, *arguments: object) -> str:
        """A call of a macro, as dbt would render it.

        Raises:
            CasebookError: if the project has no such macro.
        """
        if macro not in self._macros:
            self._macros[macro] = self._read(macro)
        return str(self._macros[macro](*arguments))

    def _read(self, macro: str) -> Callable[..., str]:
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


def guess_columns(
    connection: duckdb.DuckDBPyConnection, names: Sequence[Name], casts: Casts
) -> list[Guess]:
    """Say what each column of the table `head`, all text, seems to hold.

    Args:
        connection: where the table is.
        names: its columns, as they are declared.
        casts: the macros that staging will cast with.
    """
    return [_guess(connection, name, casts) for name in names]


def _guess(connection: duckdb.DuckDBPyConnection, name: Name, casts: Casts) -> Guess:
    column = quote_name(name.declared)
    fits = [f"count({casts.cast(kind, column)})" for kind in CASTS]
    spelled = [f"{_is_all(column, pattern)}" for pattern in _SPELLED_OTHERWISE.values()]
    row = connection.execute(
        f"""
        select
            count(*), count({column}), count(distinct {column}),
            count(*) filter (where trim({column}) = ''), max(length({column})),
            {", ".join([*fits, *spelled])}
        from head
        """
    ).fetchone()
    assert row is not None
    records, values, different, blank, longest = row[:5]
    fitting = dict(zip(CASTS, row[5 : 5 + len(CASTS)], strict=True))
    otherwise = dict(zip(_SPELLED_OTHERWISE, row[5 + len(CASTS) :], strict=True))
    zeros, *_ = otherwise.values()
    if zeros:
        fitting[INTEGER] = fitting[DECIMAL] = 0
    nulls = records - values
    required = bool(records) and not nulls
    remarks = []
    if 0 < nulls <= records * SELDOM:
        remarks.append(f"missing in {nulls} of {records} records: perhaps required")
    if not values:
        remarks.append("no value in any record" if records else "no record to judge by")
        return Guess(name, TEXT, remarks=tuple(remarks))
    literals = _python_literals(connection, column)
    if literals and (fitting[JSON] + literals) / values >= FITTING:
        remarks.append("Python literals; the loader brings them to JSON")
        return Guess(name, JSON, (), "python_literal", required, tuple(remarks))
    kind = max(CASTS, key=lambda cast: fitting[cast])
    # Days that no calendar has are rejected, where the most are spelled as dates.
    is_spelled = kind is DATE and _spelled_as_dates(connection, column) / values >= FITTING
    if fitting[kind] / values < (0.5 if is_spelled else FITTING):
        common = max(otherwise, key=lambda spelling: otherwise[spelling])
        if common == _ZONED and otherwise[common] / values >= FITTING and casts.has(INSTANT):
            return Guess(name, INSTANT, (), None, required, tuple(remarks))
        if otherwise[common] / values >= FITTING:
            remarks.append(f"{common}; kept as text")
        elif fitting[kind] / values >= 0.5:
            note = f", {blank} blank" if blank else ""
            remarks.append(f"{kind.name} in {fitting[kind]} of {values} values{note}")
        return Guess(name, TEXT, (), None, required, tuple(remarks))
    if kind in (INTEGER, DECIMAL) and (
        codes := _codes(connection, casts.cast(kind, column), column)
    ):
        number, example = codes
        remarks.append(
            f"{kind.name} in {fitting[kind]} of {values} values, and a code such as {example} in"
            f" {number}; kept as text"
        )
        return Guess(name, TEXT, (), None, required, tuple(remarks))
    if kind is BOOLEAN and different == 1 and longest == 1:
        remarks.append("the same letter in all values: perhaps a boolean")
        return Guess(name, TEXT, (), None, required, tuple(remarks))
    size: tuple[int, ...] = ()
    if kind is DECIMAL:
        size = _size(connection, column)
        remarks.append(f"at most {size[1]} decimals were seen")
        (fitting[kind],) = connection.execute(
            f"select count({casts.cast(kind, column, size)}) from head"
        ).fetchone() or (0,)
    misfits = values - fitting[kind]
    if misfits:
        note = f" ({blank} blank)" if blank else ""
        is_not = "is" if misfits == 1 else "are"
        remarks.append(f"{misfits} of {values} values{note} {is_not} not {kind.name}: rejected")
    if kind is INTEGER and different == 2 and _only(connection, column, ("0", "1")):
        remarks.append("only 0 and 1: perhaps a boolean")
    return Guess(name, kind, size, None, required, tuple(remarks))


def find_key(connection: duckdb.DuckDBPyConnection, guesses: Sequence[Guess], noun: str) -> Key:
    """Find the fewest columns that tell all records of the table `head` apart.

    Names that look like a key's come first; then one column of any name, then combinations with
    at least one name that looks like a key's. Decimals, booleans, JSON and long texts are no keys.

    Args:
        connection: where the table is.
        guesses: its columns.
        noun: the table's noun in the singular, so that a column of that name counts as a key's.
    """
    records, distinct = connection.execute(
        "select count(*), (select count(*) from (select distinct * from head)) from head"
    ).fetchone() or (0, 0)
    # A few records that were delivered twice do not hide a key.
    records = distinct if distinct >= REPEATED_LEFT * records else records
    if records < 2:
        return Key((), "too few records to tell")
    different = {guess.name: _different(connection, guess) for guess in guesses}

    def looks_like_key(name: Name) -> bool:
        return bool(_ID_LIKE.search(name.staging)) or name.staging == noun

    able = [
        guess.name
        for guess in guesses
        if guess.required and guess.kind not in (DECIMAL, BOOLEAN, JSON) and different[guess.name]
    ]
    able.sort(key=lambda name: (not looks_like_key(name), _key_rank(name.staging, noun)))
    likely = [name for name in able if looks_like_key(name)]
    ranked = [
        *_combined(likely[:_KEY_CANDIDATES], range(1, LONGEST_KEY + 1)),
        *((name,) for name in able if name not in likely),
        *(
            names
            for names in _combined(able[:_KEY_CANDIDATES], range(2, LONGEST_KEY + 1))
            if not all(map(looks_like_key, names)) and any(map(looks_like_key, names))
        ),
    ]
    for names in ranked:
        # Columns with too few values between them cannot tell the records apart.
        most = 1
        for name in names:
            most *= different[name]
        if most >= records and _tells_apart(connection, names, records):
            return Key(tuple(names), f"never null and never twice in {_number(records)} records")
    likely = [guess.name for guess in guesses if looks_like_key(guess.name)]
    closest = max(likely, key=lambda name: different[name], default=None)
    if closest is None:
        return Key((), "no few columns tell all records apart")
    return Key(
        (),
        f"{closest.declared} comes closest, with {_number(different[closest])} values in"
        f" {_number(records)} records",
    )


def _is_all(column: str, pattern: str) -> str:
    return f"count(*) filter (where regexp_full_match({column}, {quote_text(pattern)}))"


def _only(connection: duckdb.DuckDBPyConnection, column: str, values: tuple[str, ...]) -> bool:
    listed = ", ".join(map(quote_text, values))
    row = connection.execute(
        f"select count(*) from head where {column} not in ({listed})"
    ).fetchone()
    return row == (0,)


def _codes(connection: duckdb.DuckDBPyConnection, cast: str, column: str) -> tuple[int, str] | None:
    """How many values are letters and digits and no numbers, and the first of them."""
    row = connection.execute(
        f"""
        select count(*), min({column}) from head
        where regexp_full_match({column}, '[A-Za-z0-9._/-]+') and regexp_matches({column}, '[0-9]')
            and regexp_matches({column}, '[A-Za-z]') and {cast} is null
        """
    ).fetchone()
    return row if row and row[0] else None


def _spelled_as_dates(connection: duckdb.DuckDBPyConnection, column: str) -> int:
    row = connection.execute(
        f"select {_is_all(column, '[0-9]{4}-[0-9]{2}-[0-9]{2}')} from head"
    ).fetchone()
    return row[0] if row else 0


def _size(connection: duckdb.DuckDBPyConnection, column: str) -> tuple[int, int]:
    """Precision and scale that hold the column's decimals, and larger ones like them."""
    before, after = connection.execute(
        rf"""
        select
            max(length(regexp_extract({column}, '([0-9]*)', 1))),
            max(length(regexp_extract({column}, '\.([0-9]+)', 1)))
        from (
            select ltrim({column}, ' +-') as {column} from head
            where regexp_full_match(trim({column}), '[-+]?[0-9]*(\.[0-9]*)?')
        )
        """
    ).fetchone() or (0, 0)
    places = min(max(after or 0, 2), _MOST_PLACES)
    return (18 if (before or 0) + places <= 16 else 38, places)


def _python_literals(connection: duckdb.DuckDBPyConnection, column: str) -> int:
    """How many values are lists or objects as Python writes them, and not JSON.

    Where they are many, the first ones stand for all.
    """
    texts = connection.execute(
        rf"""
        select {column} from head
        where regexp_matches({column}, '^\s*[\[{{]') and not json_valid({column})
        """
    ).fetchall()
    looked_at = [text for (text,) in texts[:_LITERALS_LOOKED_AT]]
    return round(len(texts) * sum(map(_is_literal, looked_at)) / max(len(looked_at), 1))


def _is_literal(text: str) -> bool:
    try:
        return isinstance(ast.literal_eval(text.strip()), (list, dict))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return False


def _different(connection: duckdb.DuckDBPyConnection, guess: Guess) -> int:
    """Different values of a column that may be part of a key; none of one with long texts."""
    column = quote_name(guess.name.declared)
    row = connection.execute(
        f"select count(distinct {column}), max(length({column})) from head"
    ).fetchone()
    return row[0] if row and (row[1] or 0) <= _LONGEST_KEY_TEXT else 0


def _combined(names: Sequence[Name], sizes: range) -> list[tuple[Name, ...]]:
    return [names_ for size in sizes for names_ in combinations(names, size)]


def _key_rank(staging: str, noun: str) -> int:
    """A column named after the table's own noun first, then `id`s, then other likely names."""
    if staging in (noun, f"{noun}_id", f"{noun}_number", f"{noun}_key", f"{noun}_code"):
        return 0
    return 1 if staging.endswith("_id") else 2


def _tells_apart(
    connection: duckdb.DuckDBPyConnection, names: Sequence[Name], records: int
) -> bool:
    columns = ", ".join(quote_name(name.declared) for name in names)
    row = connection.execute(f"select count(*) from (select distinct {columns} from head)")
    return row.fetchone() == (records,)


def _number(value: int) -> str:
    return f"{value:,}"
